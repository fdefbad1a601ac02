// One load client: a socket, a ring of ready packets and a count of what is in flight. It answers each chunk of
// acknowledgements with one write of as many new messages, so that the window stays full at the least cost.
import net from "node:net";
import tls from "node:tls";

import { BURST, connect, DISCONNECT, ring, RING, subscribe } from "./packets.js";

/**
 * @typedef {object} Endpoint where a server listens and how to trust it
 * @property {string} host
 * @property {number} port
 * @property {string | null} ca PEM of the certificate authority; null = plain TCP
 * @property {string} serverName name that the certificate must carry
 */

/**
 * @typedef {object} Identity
 * @property {string} deviceId
 * @property {string} moduleId
 * @property {string} clientId
 * @property {string} username
 * @property {string} password
 */

/** What the clients of one group share: where they report to. Times are `performance.now()` in ms. */
/**
 * @typedef {object} Sink
 * @property {(sentAt: number, now: number) => void} answered
 * @property {(reason: string) => void} failed
 */

const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const SUBACK = 9;
/** Where the status stands in a PUBLISH to `$iothub/twin/res/{status}/…`, after the fixed header. */
const STATUS_AT = 2 + "$iothub/twin/res/".length;
const DIGIT_2 = 0x32;
const HANDSHAKE_MS = 30_000;

/**
 * @param {Endpoint} endpoint
 * @returns {(() => net.Socket)} makes sockets; the certificate authority is parsed once
 */
export function dialler(endpoint) {
  const { host, port, ca, serverName } = endpoint;
  if (ca === null) return () => net.connect({ host, port, noDelay: true });
  const secureContext = tls.createSecureContext({ ca });
  return () => {
    const socket = tls.connect({ host, port, servername: serverName, secureContext });
    socket.setNoDelay(true);
    return socket;
  };
}

export class Client {
  inFlight = 0;
  identity;
  #socket;
  #clean;
  /** @type {import("./packets.js").Ring | null} */
  #ring = null;
  /** @type {Sink | null} */
  #sink = null;
  /** @type {Buffer | null} */
  #rest = null;
  #sentAt = new Float64Array(RING);
  #next = 0;
  #oldest = 0;
  #sending = false;
  #closing = false;
  /** @type {{ type: number, resolve: (body: Buffer) => void, reject: (error: Error) => void } | null} */
  #expected = null;

  /**
   * @param {net.Socket} socket
   * @param {Identity} identity
   * @param {boolean} [clean] clean session
   */
  constructor(socket, identity, clean = true) {
    this.#socket = socket;
    this.identity = identity;
    this.#clean = clean;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", (error) => this.#broken(error.message));
    socket.on("close", () => this.#broken("the server closed the connection"));
  }

  /**
   * Resolves with the CONNACK's return code.
   *
   * @param {readonly string[]} filters
   */
  async open(filters) {
    const event = "encrypted" in this.#socket ? "secureConnect" : "connect";
    const acknowledged = this.#expect(CONNACK);
    this.#socket.once(event, () => {
      this.#socket.write(connect(this.identity, this.#clean));
    });
    const connack = await acknowledged;
    const code = connack[1] ?? 255;
    if (code !== 0) return code;
    if (filters.length > 0) {
      const subscribed = this.#expect(SUBACK);
      this.#socket.write(subscribe(filters, 1));
      await subscribed;
    }
    return 0;
  }

  /**
   * Keeps `window` messages in flight from now on.
   *
   * @param {import("./packets.js").LoadKind} kind the same at each start
   * @param {number} window 0 = the caller sends with `send`
   * @param {Sink} sink
   */
  start(kind, window, sink) {
    this.#ring ??= ring(kind, this.identity);
    this.#sink = sink;
    this.#sending = window > 0;
    if (window > 0) this.send(window, performance.now());
  }

  /**
   * @param {number} count
   * @param {number} at the time that counts as sent, in ms
   */
  send(count, at) {
    const messages = this.#ring;
    if (messages === null || count > BURST || this.inFlight + count > RING) return false;
    const start = (this.#next % RING) * messages.size;
    for (let i = 0; i < count; i++) this.#sentAt[this.#next++ % RING] = at;
    this.inFlight += count;
    this.#socket.write(messages.bytes.subarray(start, start + count * messages.size));
    return true;
  }

  /** Sends nothing new; what is in flight is still answered. */
  stop() {
    this.#sending = false;
  }

  /** Leaves with DISCONNECT; resolves when the socket is closed. */
  async close() {
    this.#closing = true;
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) => {
      this.#socket.once("close", resolve);
    });
    this.#socket.end(DISCONNECT);
    // A server that answers FIN late must not hold the generator.
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    await closed;
    clearTimeout(timer);
  }

  /** @param {Buffer} chunk */
  #read(chunk) {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let answers = 0;
    for (;;) {
      if (at + 2 > bytes.length) break;
      let length = bytes[at + 1] ?? 0;
      let body = at + 2;
      if (length > 127) {
        if (at + 3 > bytes.length) break;
        const high = bytes[at + 2] ?? 0;
        if (high > 127) return this.#broken("the server sent a packet above 16 KiB");
        length = (length & 127) | (high << 7);
        body = at + 3;
      }
      const end = body + length;
      if (end > bytes.length) break;
      const type = (bytes[at] ?? 0) >> 4;
      if (type === PUBACK) answers++;
      else if (type === PUBLISH) {
        if (bytes[body + STATUS_AT] !== DIGIT_2)
          return this.#broken(`refused: ${bytes.toString("latin1", body + 2, end)}`);
        answers++;
      } else this.#handshake(type, bytes.subarray(body, end));
      at = end;
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : null;
    if (answers > 0) this.#answered(answers);
  }

  /** @param {number} count */
  #answered(count) {
    const sink = this.#sink;
    if (sink === null) return;
    const now = performance.now();
    for (let i = 0; i < count; i++) sink.answered(this.#sentAt[this.#oldest++ % RING] ?? now, now);
    this.inFlight -= count;
    if (this.inFlight < 0) return this.#broken("more answers than messages");
    if (this.#sending) this.send(count, now);
  }

  /** @param {number} type */
  #expect(type) {
    /** @type {Promise<Buffer>} */
    const answer = new Promise((resolve, reject) => {
      this.#expected = { type, resolve, reject };
    });
    const timer = setTimeout(
      () => this.#broken(`no answer within ${HANDSHAKE_MS / 1000} s while connecting`),
      HANDSHAKE_MS,
    );
    return answer.finally(() => clearTimeout(timer));
  }

  /**
   * @param {number} type
   * @param {Buffer} body
   */
  #handshake(type, body) {
    const expected = this.#expected;
    if (expected === null || expected.type !== type) return;
    this.#expected = null;
    expected.resolve(Buffer.from(body));
  }

  /** @param {string} reason */
  #broken(reason) {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.destroy();
    this.#expected?.reject(new Error(`${this.identity.clientId}: ${reason}`));
    this.#expected = null;
    this.#sink?.failed(`${this.identity.clientId}: ${reason}`);
  }
}
