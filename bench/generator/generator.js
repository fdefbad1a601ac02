// The main thread's side of the load generator: shares the clients of a group out among worker threads.
import { Worker } from "node:worker_threads";

import { Histogram } from "./histogram.js";

/** @typedef {import("./client.js").Identity} Identity */
/** @typedef {import("./client.js").Endpoint} Endpoint */
/** @typedef {import("./packets.js").LoadKind} LoadKind */

/**
 * @typedef {object} Sample what was counted between two marks
 * @property {number} count
 * @property {number} perSecond
 * @property {number} p50 microseconds
 * @property {number} p99 microseconds
 */

export class Generator {
  /** @type {Worker[]} */
  #workers;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #calls = new Map();
  #lastId = 0;

  /** @param {number} threads */
  constructor(threads) {
    this.#workers = Array.from({ length: threads }, () => {
      const worker = new Worker(new URL("worker.js", import.meta.url));
      worker.on("message", ({ id, result, error }) => {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        if (error === undefined) call?.resolve(result);
        else call?.reject(new Error(error));
      });
      worker.on("error", (error) => {
        for (const call of this.#calls.values()) call.reject(error);
      });
      return worker;
    });
  }

  /**
   * Connects one client per identity and keeps them under the group's name.
   *
   * @param {string} group
   * @param {Endpoint} endpoint
   * @param {readonly Identity[]} identities
   * @param {readonly string[]} filters topic filters to subscribe to
   */
  async open(group, endpoint, identities, filters) {
    const shares = this.#share(identities);
    await this.#all((i) => ["open", { group, endpoint, identities: shares[i], filters }]);
  }

  /**
   * Keeps `window` messages of the kind in flight on each connection, until `stop`.
   *
   * @param {string} group
   * @param {LoadKind} kind
   * @param {number} window
   */
  async start(group, kind, window) {
    await this.#all(() => ["start", { group, kind, window }]);
  }

  /**
   * Sends at a fixed rate over all connections of the group, until `stop`.
   *
   * @param {string} group
   * @param {LoadKind} kind
   * @param {number} perSecond
   */
  async pace(group, kind, perSecond) {
    const each = perSecond / this.#workers.length;
    await this.#all(() => ["pace", { group, kind, perSecond: each }]);
  }

  /**
   * Connects and leaves over and over, until `stop`.
   *
   * @param {string} group
   * @param {Endpoint} endpoint
   * @param {readonly Identity[]} identities
   * @param {number} parallel connections at once
   */
  async churn(group, endpoint, identities, parallel) {
    const shares = this.#share(identities);
    const each = Math.ceil(parallel / this.#workers.length);
    await this.#all((i) => ["churn", { group, endpoint, identities: shares[i], parallel: each }]);
  }

  /**
   * What the group did since the last mark.
   *
   * @param {string} group
   * @returns {Promise<Sample>}
   */
  async mark(group) {
    const parts = await this.#all(() => ["mark", { group }]);
    const latencies = new Histogram();
    let count = 0;
    let perSecond = 0;
    for (const part of parts) {
      if (part.failure !== null) throw new Error(part.failure);
      latencies.add(part.latencies);
      count += part.count;
      perSecond += (part.count * 1000) / part.ms;
    }
    return { count, perSecond, p50: latencies.percentile(0.5), p99: latencies.percentile(0.99) };
  }

  /** Ends the load and waits for what is in flight. @param {string} group */
  async stop(group) {
    await this.#all(() => ["stop", { group }]);
  }

  /** Disconnects the group's clients. @param {string} group */
  async close(group) {
    await this.#all(() => ["close", { group }]);
  }

  async end() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** @param {readonly Identity[]} identities @returns {Identity[][]} */
  #share(identities) {
    return this.#workers.map((_, worker) =>
      identities.filter((__, index) => index % this.#workers.length === worker),
    );
  }

  /** @param {(worker: number) => [string, object]} make @returns {Promise<any[]>} */
  #all(make) {
    return Promise.all(
      this.#workers.map((worker, index) => {
        const id = ++this.#lastId;
        const [command, args] = make(index);
        return new Promise((resolve, reject) => {
          this.#calls.set(id, { resolve, reject });
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker of worker_threads
          worker.postMessage({ id, command, args });
        });
      }),
    );
  }
}
