import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Log } from "../../app/ports.ts";
import { type Driver, type DriverModule, lockTimeout } from "./driver.ts";

/** At most one checkpoint in this many milliseconds. */
const interval = 100;
/** How long after the start the first one comes at the soonest, in milliseconds: its thread is not to slow the start down. */
const firstAfter = 1_000;
/**
 * Bytes of the write-ahead log after which the main thread finishes what the worker has begun, once in `finishInterval`
 * milliseconds at the most. A flush of a log that begins anew, over what it held before, takes half of the time of one
 * that grows (docs/decisions/0008-log-in-place.md).
 */
const defaultFinishBytes = 8 * 1024 * 1024;
const finishInterval = 1_000;
/** At this many times as many bytes it is finished at once, and the file is cut to them. */
const fullFactor = 8;
/** At this many times as many bytes it does not wait for a busy worker any more. */
const busyFactor = 32;
/** Bytes of a page of the database with what the log says about it. */
const frameBytes = 4_096 + 24;
/** How long the main thread then waits for the worker, in milliseconds: writers are slowed down to what the disk takes. */
const busyWait = 100;
/** After a reader has kept the log from being emptied, as a backup does, it is let alone for so many milliseconds. */
const readerPause = 1_000;

export interface CheckpointSettings {
  readonly sqlite: DriverModule;
  readonly file: string;
  readonly synchronous: "FULL" | "NORMAL";
  readonly log: Log;
  /** Default 8 MiB. */
  readonly finishBytes?: number | undefined;
}

interface Answer {
  readonly failure: string | null;
  /** How long the log is, what has been copied included. */
  readonly frames: number;
}

/**
 * A worker of plain text: it is the same from `src` and from `dist`, and needs nothing but the binding.
 * It answers each message when the checkpoint is done, with the length of the log.
 */
const workerText = `
const { parentPort, workerData } = require("node:worker_threads");
process.emitWarning = () => {};
const binding = require(workerData.resolved);
const Database = binding.DatabaseSync ?? binding;
const database = new Database(workerData.file);
database.exec("PRAGMA busy_timeout = 0");
database.exec("PRAGMA synchronous = " + workerData.synchronous);
const checkpoint = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
parentPort.on("message", (message) => {
  if (message === "close") {
    database.close();
    parentPort.close();
    return;
  }
  try {
    parentPort.postMessage({ failure: null, frames: Number(checkpoint.all()[0].log) });
  } catch (error) {
    parentPort.postMessage({ failure: String(error.message), frames: 0 });
  }
});
`;

/**
 * Copies the write-ahead log into the database on another thread, which takes the flush of the database file
 * off the event loop. A log that grows faster than that is finished on the main thread: only while nobody
 * writes can it be copied whole, and only then does SQLite begin it anew. The file keeps its size, so that the log is
 * written where the disk has a place for it already; beyond its limit it is cut when the log begins anew.
 */
export class Checkpointer {
  readonly #driver: Driver;
  readonly #settings: CheckpointSettings;
  readonly #finishBytes: number;
  /** Started by the first checkpoint; `null` once it has failed. */
  #worker: Worker | null | undefined;
  #running = false;
  #dirty = false;
  #last = performance.now() + firstAfter - interval;
  #pausedUntil = 0;
  #finished = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(driver: Driver, settings: CheckpointSettings) {
    this.#driver = driver;
    this.#settings = settings;
    this.#finishBytes = settings.finishBytes ?? defaultFinishBytes;
    driver.exec(`PRAGMA journal_size_limit = ${fullFactor * this.#finishBytes}`);
  }

  /** To be called after each commit. */
  committed(): void {
    this.#dirty = true;
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#last + interval - performance.now());
    this.#timer = setTimeout(() => this.#due(), wait);
    this.#timer.unref();
  }

  /** Ends the thread. The last checkpoint is the closing connection's. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker == null) return;
    worker.ref();
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage("close");
    await ended;
  }

  #due(): void {
    this.#timer = undefined;
    if (!this.#dirty) return;
    if (this.#worker === undefined) this.#worker = this.#start();
    if (this.#worker === null || this.#running) {
      this.#withoutWorker();
      return;
    }
    this.#dirty = false;
    this.#running = true;
    this.#last = performance.now();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage("checkpoint");
  }

  /** The worker is busy, or gone. */
  #withoutWorker(): void {
    this.#last = performance.now();
    if (this.#walSize() > (this.#running ? busyFactor : fullFactor) * this.#finishBytes)
      this.#finish();
    if (this.#running) this.committed();
  }

  #start(): Worker {
    const { sqlite, file, synchronous, log } = this.#settings;
    const worker = new Worker(workerText, {
      eval: true,
      workerData: { resolved: sqlite.resolved, file, synchronous },
    });
    worker.unref();
    worker.on("message", ({ failure, frames }: Answer) => {
      this.#running = false;
      if (failure !== null) this.#warn(failure);
      if (this.#isDue(frames * frameBytes)) this.#finish();
    });
    worker.on("error", (error) => {
      this.#worker = null;
      this.#running = false;
      log.error({ err: error }, "The checkpoint thread ended, the main thread does its work");
    });
    return worker;
  }

  #isDue(bytes: number): boolean {
    if (bytes > fullFactor * this.#finishBytes) return true;
    return bytes > this.#finishBytes && performance.now() - this.#finished >= finishInterval;
  }

  #finish(): void {
    if (performance.now() < this.#pausedUntil) return;
    this.#finished = performance.now();
    try {
      // Nobody is waited for: a reader in another process may take minutes, and the event loop would stand still.
      this.#driver.exec(`PRAGMA busy_timeout = ${this.#running ? busyWait : 0}`);
      // Without the worker, who tells how much is waiting, the size of the file does.
      const how = this.#worker === null ? "TRUNCATE" : "RESTART";
      const done = this.#driver.prepare(`PRAGMA wal_checkpoint(${how})`).get([]);
      if (Number(done?.["busy"]) !== 0) this.#pausedUntil = performance.now() + readerPause;
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error));
    } finally {
      this.#driver.exec(`PRAGMA busy_timeout = ${lockTimeout}`);
    }
  }

  #warn(failure: string): void {
    this.#settings.log.warn({ failure }, "A checkpoint of the store failed");
  }

  #walSize(): number {
    return statSync(`${this.#settings.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }
}
