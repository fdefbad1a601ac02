import { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

type Callback = (error?: Error | null) => void;

/**
 * A WebSocket as one byte stream: the payloads of binary messages in a row, since packets are not aligned with
 * frames (spec/mqtt §1.2). Text closes it with 1003. Holds back the peer while the reader is behind, and the writer
 * while the peer is.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #closeTimeout: Milliseconds;
  #cancelTimeout: () => void = () => undefined;

  constructor(socket: WebSocket, clock: Clock, closeTimeout: Milliseconds) {
    super();
    this.#socket = socket;
    this.#clock = clock;
    this.#closeTimeout = closeTimeout;
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.#closed());
  }

  /** Ends the connection with a Close frame; without an answer in time, without one. */
  close(code: number): void {
    this.#socket.close(code);
    this.#cancelTimeout();
    this.#cancelTimeout = this.#clock.after(this.#closeTimeout, () => this.#socket.terminate());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: Callback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: Callback): void {
    this.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: Callback): void {
    if (error === null) this.close(1000);
    else this.#socket.terminate();
    done(error);
  }

  #send(bytes: Buffer, done: Callback): void {
    if (this.#socket.readyState === this.#socket.OPEN)
      this.#socket.send(bytes, { binary: true }, done);
    else done(new Error("The WebSocket is closed"));
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!isBinary) {
      this.close(1003);
    } else if (!this.destroyed && !this.readableEnded && !this.push(bytesOf(data))) {
      this.#socket.pause();
    }
  }

  #closed(): void {
    this.#cancelTimeout();
    if (this.destroyed) return;
    this.push(null);
    this.end();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
