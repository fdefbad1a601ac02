import { Worker } from "node:worker_threads";
import type { Log } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { DriverModule, Row, SqlValue } from "./driver.ts";

/** Statements that wait for the thread at the most. */
const maxWaiting = 256;
/** How long one statement may take, in milliseconds: then the thread is ended, and a new one begun. */
const timeLimit = 30_000;

export interface QueryThreadSettings {
  readonly sqlite: DriverModule;
  readonly file: string;
  readonly log: Log;
}

interface Waiting {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  readonly maxLength: number;
  readonly resolve: (answer: ThreadAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** What a statement gave. */
export interface ThreadAnswer {
  readonly rows: readonly Row[];
  /** There are more rows, which did not fit into the bytes that were asked for. */
  readonly isCut: boolean;
  /** How long it took the thread. */
  readonly milliseconds: number;
}

/** `errcode`: SQLite's result code. */
type Answer = ThreadAnswer | { readonly failure: string; readonly errcode?: number };

/** A worker, and the word of shared memory that it reads between rows: 1 asks it to stop. */
interface Thread {
  readonly worker: Worker;
  readonly stop: Int32Array;
}

/** Plain text, so that it is the same from `src` and from `dist`; see Checkpointer. */
const workerText = `
const { parentPort, workerData } = require("node:worker_threads");
process.emitWarning = () => {};
const binding = require(workerData.resolved);
const Database = binding.DatabaseSync ?? binding;
const database = new Database(workerData.file);
database.exec("PRAGMA busy_timeout = 10000");
database.exec("PRAGMA query_only = 1");
const spread = binding.DatabaseSync !== undefined;
const stop = new Int32Array(workerData.stop);
const statements = new Map();
function prepared(sql) {
  let statement = statements.get(sql);
  if (statement === undefined) {
    if (statements.size >= 64) statements.delete(statements.keys().next().value);
    statement = database.prepare(sql);
    statements.set(sql, statement);
  }
  return statement;
}
// Plans are asked on a connection of their own: a statement that is only explained does not see new indexes, and
// libsql 0.5 answers everything else on its connection from an old snapshot afterwards.
function explain({ sql, parameters }) {
  const own = new Database(workerData.file);
  try {
    const statement = own.prepare(sql);
    const rows = spread ? statement.all(...parameters) : statement.all(parameters);
    return { rows, isCut: false, milliseconds: 0 };
  } finally {
    own.close();
  }
}
parentPort.on("message", (message) => {
  if (message === "close") {
    database.close();
    parentPort.close();
    return;
  }
  try {
    if (message.sql.startsWith("EXPLAIN")) return parentPort.postMessage(explain(message));
    const statement = prepared(message.sql);
    const began = performance.now();
    const rows = [];
    let isCut = false;
    let size = 0;
    for (const row of spread ? statement.iterate(...message.parameters) : statement.iterate(message.parameters)) {
      if (Atomics.load(stop, 0) === 1) break;
      for (const column in row) {
        const length = row[column]?.length;
        if (length !== undefined) size += length;
      }
      if (size > message.maxLength && rows.length > 0) {
        isCut = true;
        break;
      }
      rows.push(row);
    }
    parentPort.postMessage({ rows, isCut, milliseconds: performance.now() - began });
  } catch (error) {
    const errcode = error.errcode ?? error.rawCode;
    parentPort.postMessage({ failure: String(error.message), errcode });
  }
});
`;

/**
 * Reads on another thread with a connection of its own, one statement after the other: a scan of a hundred thousand
 * twins does not hold up the event loop. Each statement sees what was committed before it was asked for.
 */
export class QueryThread {
  readonly #settings: QueryThreadSettings;
  readonly #waiting: Waiting[] = [];
  #thread: Thread | undefined;
  #running: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;
  #closed = false;

  constructor(settings: QueryThreadSettings) {
    this.#settings = settings;
  }

  /**
   * The rows of a statement, as many as have `maxLength` characters together, but one at least. Refuses with
   * ServiceUnavailable when too many wait, GenericTimeout when it takes too long.
   */
  all(
    sql: string,
    parameters: readonly SqlValue[],
    maxLength = Number.POSITIVE_INFINITY,
  ): Promise<ThreadAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new HubError("ServiceUnavailable", "The hub is stopping"));
      if (this.#waiting.length >= maxWaiting) {
        const message = `${maxWaiting} queries wait already, the limit, try again later`;
        return reject(new HubError("ServiceUnavailable", message));
      }
      this.#waiting.push({ sql, parameters, maxLength, resolve, reject });
      this.#next();
    });
  }

  /** Ends the thread; what waits is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const stopping = new HubError("ServiceUnavailable", "The hub is stopping");
    this.#running?.reject(stopping);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(stopping);
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread !== undefined) await endThread(thread);
  }

  #next(): void {
    if (this.#running !== undefined || this.#isEnding) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next;
    this.#thread ??= this.#start();
    this.#timer = setTimeout(() => this.#tooLong(), timeLimit);
    this.#timer.unref();
    // oxlint-disable unicorn/require-post-message-target-origin -- a thread, not a window
    this.#thread.worker.postMessage({
      sql: next.sql,
      parameters: next.parameters,
      maxLength: next.maxLength,
    });
    // oxlint-enable unicorn/require-post-message-target-origin
  }

  #start(): Thread {
    const { sqlite, file } = this.#settings;
    const stop = new SharedArrayBuffer(4);
    const worker = new Worker(workerText, {
      eval: true,
      workerData: { resolved: sqlite.resolved, file, stop },
    });
    worker.unref();
    worker.on("message", (answer: Answer) => {
      if ("rows" in answer) this.#end((waiting) => waiting.resolve(answer));
      else this.#end((waiting) => waiting.reject(failed(answer.failure, answer.errcode)));
    });
    worker.on("error", (error) => {
      this.#settings.log.error(
        { err: error },
        "The query thread ended, the next query begins another",
      );
      this.#thread = undefined;
      this.#end((waiting) =>
        waiting.reject(new HubError("ServiceUnavailable", "The query thread ended")),
      );
    });
    return { worker, stop: new Int32Array(stop) };
  }

  /** There is no other thread until this one has ended, so that they cannot pile up. */
  #tooLong(): void {
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread !== undefined) {
      this.#isEnding = true;
      void endThread(thread).then(() => {
        this.#isEnding = false;
        this.#next();
      });
    }
    const message = `The query took longer than ${timeLimit / 1000} seconds, the limit of one page`;
    this.#end((waiting) => waiting.reject(new HubError("GenericTimeout", message)));
  }

  #end(settle: (waiting: Waiting) => void): void {
    clearTimeout(this.#timer);
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) settle(running);
    this.#next();
  }
}

function failed(message: string, errcode: number | undefined): Error {
  return Object.assign(new Error(message), errcode === undefined ? {} : { errcode });
}

/**
 * Asks the thread to end, and waits until it has: after its row, or its statement where that counts or sorts. It is
 * never terminated, as libsql 0.5 ends the whole process when its thread is terminated within a statement.
 */
function endThread({ worker, stop }: Thread): Promise<void> {
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.removeAllListeners("message");
  worker.ref();
  Atomics.store(stop, 0, 1);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage("close");
  return ended;
}
