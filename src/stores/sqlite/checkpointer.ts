import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Log } from "../../app/ports.ts";
import type { Driver, DriverModule } from "./driver.ts";

/** At most one checkpoint in this many milliseconds. */
const interval = 100;
/** Bytes of the write-ahead log after which the main thread finishes what the worker has begun. */
const finishBytes = 64 * 1024 * 1024;
/** Bytes after which the main thread does not wait for the worker any more. */
const maxBytes = 4 * finishBytes;

/**
 * A worker of plain text: it is the same from `src` and from `dist`, and needs nothing but the binding.
 * It answers each message when the checkpoint is done.
 */
const workerText = `
const { parentPort, workerData } = require("node:worker_threads");
process.emitWarning = () => {};
const binding = require(workerData.resolved);
const Database = binding.DatabaseSync ?? binding;
const database = new Database(workerData.file);
database.exec("PRAGMA busy_timeout = 0");
database.exec("PRAGMA synchronous = " + workerData.synchronous);
parentPort.on("message", (message) => {
  if (message === "close") {
    database.close();
    parentPort.close();
    return;
  }
  try {
    database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    parentPort.postMessage({ failure: null });
  } catch (error) {
    parentPort.postMessage({ failure: String(error.message) });
  }
});
`;

/**
 * Copies the write-ahead log into the database on another thread, which takes the flush of the database file
 * off the event loop. A log that grows faster than that is finished on the main thread: only while nobody
 * writes can it be copied whole, and only then does SQLite begin it anew.
 */
export class Checkpointer {
  readonly #driver: Driver;
  readonly #walFile: string;
  readonly #log: Log;
  readonly #worker: Worker;
  #alive = true;
  #running = false;
  #dirty = false;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    driver: Driver,
    sqlite: DriverModule,
    file: string,
    synchronous: "FULL" | "NORMAL",
    log: Log,
  ) {
    this.#driver = driver;
    this.#walFile = `${file}-wal`;
    this.#log = log;
    this.#worker = new Worker(workerText, {
      eval: true,
      workerData: { resolved: sqlite.resolved, file, synchronous },
    });
    this.#worker.unref();
    this.#worker.on("message", (answer: { failure: string | null }) => this.#finished(answer));
    this.#worker.on("error", (error) => {
      this.#alive = false;
      this.#running = false;
      log.error({ err: error }, "The checkpoint thread ended: the main thread does its work");
    });
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
    if (!this.#alive) return;
    this.#worker.ref();
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage("close");
    await ended;
  }

  #due(): void {
    this.#timer = undefined;
    if (!this.#dirty) return;
    const size = this.#walSize();
    if (this.#running || !this.#alive) {
      if (size > (this.#alive ? maxBytes : finishBytes)) this.#finish();
      if (this.#running) this.committed();
      return;
    }
    this.#dirty = false;
    this.#running = true;
    this.#last = performance.now();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage("checkpoint");
  }

  #finished(answer: { failure: string | null }): void {
    this.#running = false;
    if (answer.failure !== null) {
      this.#log.warn({ failure: answer.failure }, "A checkpoint of the store failed");
    }
    if (this.#walSize() > finishBytes) this.#finish();
  }

  #finish(): void {
    try {
      // TRUNCATE, so that the size of the file tells how much is waiting.
      this.#driver.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      this.#log.warn({ err: error }, "A checkpoint of the store failed");
    }
  }

  #walSize(): number {
    return statSync(this.#walFile, { throwIfNoEntry: false })?.size ?? 0;
  }
}
