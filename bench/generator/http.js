// HTTP load over connections that stay open: requests as bytes, one in flight on each, and as little reading of the
// answers as tells where one ends. Node's own client would cost more than the servers.
import { dialler } from "./client.js";
import { Histogram } from "./histogram.js";

/** @typedef {import("./client.js").Endpoint} Endpoint */

const HEAD_END = "\r\n\r\n";

export class HttpLoad {
  latencies = new Histogram();
  count = 0;
  /** @type {Error | undefined} */
  failure;
  #sockets;
  #isRunning = false;
  #request;
  #sent = 0;

  /**
   * @param {Endpoint} endpoint
   * @param {number} connections
   * @param {(number: number) => Buffer} request the bytes of a request
   */
  constructor(endpoint, connections, request) {
    this.#request = request;
    const dial = dialler(endpoint);
    this.#sockets = Array.from({ length: connections }, () => {
      const socket = dial();
      const link = { socket, sentAt: 0, text: "" };
      socket.setEncoding("latin1");
      socket.on("data", (/** @type {unknown} */ text) => this.#read(link, String(text)));
      socket.on("error", (error) => this.#fail(error));
      return link;
    });
  }

  start() {
    this.#isRunning = true;
    for (const link of this.#sockets) this.#send(link);
  }

  /** What was answered since the last time. */
  mark() {
    if (this.failure !== undefined) throw this.failure;
    const { count, latencies } = this;
    this.count = 0;
    this.latencies = new Histogram();
    return { count, p50: latencies.percentile(0.5) / 1000, p99: latencies.percentile(0.99) / 1000 };
  }

  stop() {
    this.#isRunning = false;
  }

  close() {
    for (const { socket } of this.#sockets) socket.destroy();
  }

  /** @typedef {{ socket: import("node:net").Socket, sentAt: number, text: string }} Link */

  /** @param {Link} link */
  #send(link) {
    link.sentAt = performance.now();
    link.socket.write(this.#request(this.#sent++));
  }

  /** @param {Link} link @param {string} text */
  #read(link, text) {
    link.text += text;
    const head = link.text.indexOf(HEAD_END);
    if (head < 0) return;
    const length = lengthOf(link.text.slice(0, head + 2));
    if (length === undefined) return this.#fail(new Error(link.text.slice(0, 300)));
    if (link.text.length < head + HEAD_END.length + length) return;
    link.text = "";
    this.count++;
    this.latencies.record((performance.now() - link.sentAt) * 1000);
    if (this.#isRunning) this.#send(link);
  }

  /** @param {Error} error */
  #fail(error) {
    this.failure ??= error;
    this.#isRunning = false;
  }
}

/**
 * Bytes of an answer's body; undefined for one that is no success.
 *
 * @param {string} head
 */
function lengthOf(head) {
  if (head.startsWith("HTTP/1.1 204 ")) return 0;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return head.startsWith("HTTP/1.1 200 ") && length !== undefined ? Number(length) : undefined;
}
