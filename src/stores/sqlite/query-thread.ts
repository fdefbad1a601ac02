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
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
}

type Answer = { readonly rows: readonly Row[] } | { readonly failure: string };

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
parentPort.on("message", (message) => {
  if (message === "close") {
    database.close();
    parentPort.close();
    return;
  }
  try {
    const statement = prepared(message.sql);
    const rows = spread ? statement.all(...message.parameters) : statement.all(message.parameters);
    parentPort.postMessage({ rows });
  } catch (error) {
    parentPort.postMessage({ failure: String(error.message) });
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
  #worker: Worker | undefined;
  #running: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: QueryThreadSettings) {
    this.#settings = settings;
  }

  /** All rows of a statement. Refuses with ServiceUnavailable when too many wait, GenericTimeout when it takes too long. */
  all(sql: string, parameters: readonly SqlValue[]): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new HubError("ServiceUnavailable", "The hub is stopping"));
      if (this.#waiting.length >= maxWaiting) {
        const message = `${maxWaiting} queries wait already, the limit, try again later`;
        return reject(new HubError("ServiceUnavailable", message));
      }
      this.#waiting.push({ sql, parameters, resolve, reject });
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
    await this.#worker?.terminate();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next;
    this.#worker ??= this.#start();
    this.#timer = setTimeout(() => this.#tooLong(), timeLimit);
    this.#timer.unref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ sql: next.sql, parameters: next.parameters });
  }

  #start(): Worker {
    const { sqlite, file } = this.#settings;
    const worker = new Worker(workerText, {
      eval: true,
      workerData: { resolved: sqlite.resolved, file },
    });
    worker.unref();
    worker.on("message", (answer: Answer) => {
      if ("rows" in answer) this.#end((waiting) => waiting.resolve(answer.rows));
      else this.#end((waiting) => waiting.reject(new Error(answer.failure)));
    });
    worker.on("error", (error) => {
      this.#settings.log.error(
        { err: error },
        "The query thread ended, the next query begins another",
      );
      this.#worker = undefined;
      this.#end((waiting) =>
        waiting.reject(new HubError("ServiceUnavailable", "The query thread ended")),
      );
    });
    return worker;
  }

  #tooLong(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.removeAllListeners();
    worker?.terminate().catch(() => {});
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
