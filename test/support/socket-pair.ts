import { Duplex } from "node:stream";

/** One end of a connection in memory; behaves like a TCP socket: ends are seen, resets are errors. */
export class SocketEnd extends Duplex {
  #peer: SocketEnd | undefined;
  #whenRead: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  static pair(): [SocketEnd, SocketEnd] {
    const [a, b] = [new SocketEnd(), new SocketEnd()];
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  override _read(): void {
    const whenRead = this.#whenRead;
    this.#whenRead = undefined;
    whenRead?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const peer = this.#peer;
    if (peer === undefined || peer.destroyed) return done(new Error("write EPIPE"));
    if (peer.push(chunk)) done();
    else peer.#whenRead = () => done();
  }

  override _final(done: (error?: Error) => void): void {
    this.#peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const peer = this.#peer;
    const whenRead = this.#whenRead;
    this.#whenRead = undefined;
    if (peer !== undefined && !peer.destroyed) {
      if (error === null) {
        if (!peer.readableEnded) peer.push(null);
      } else {
        peer.destroy(new Error("read ECONNRESET"));
      }
    }
    whenRead?.();
    done(error);
  }
}
