import type { Duplex } from "node:stream";

/**
 * Writes of one turn of the event loop, joined: everything that connections produced until the microtasks
 * have run dry leaves together, one socket write per connection.
 */
export class FlushTurn {
  #outputs: Output[] = [];

  /** To be called once for each output until it is flushed. */
  add(output: Output): void {
    if (this.#outputs.length === 0) this.#schedule();
    this.#outputs.push(output);
  }

  #schedule(): void {
    // A tick queued by a microtask runs after all microtasks: answers that wait for promises come along.
    queueMicrotask(() => {
      process.nextTick(() => {
        const outputs = this.#outputs;
        this.#outputs = [];
        for (const output of outputs) output.flush();
      });
    });
  }
}

export interface OutputEvents {
  /** More bytes than allowed wait for the peer; they are thrown away. */
  onOverflow(): void;
  /** The peer has taken what was written. */
  onTaken(): void;
}

/** What leaves on one connection. */
export class Output {
  readonly #stream: Duplex;
  readonly #turn: FlushTurn;
  readonly #limit: number;
  readonly #events: OutputEvents;
  #packets: Buffer[] = [];
  #bytes = 0;

  /** `limit`: bytes that may wait for the peer. */
  constructor(stream: Duplex, turn: FlushTurn, limit: number, events: OutputEvents) {
    this.#stream = stream;
    this.#turn = turn;
    this.#limit = limit;
    this.#events = events;
    stream.on("drain", () => events.onTaken());
  }

  /** Bytes that the peer has not taken yet. */
  get backlog(): number {
    return this.#bytes + this.#stream.writableLength;
  }

  write(packet: Buffer): void {
    this.#bytes += packet.length;
    if (this.backlog > this.#limit) {
      this.discard();
      this.#events.onOverflow();
      return;
    }
    this.#packets.push(packet);
    if (this.#packets.length === 1) this.#turn.add(this);
  }

  flush(): void {
    const packets = this.#packets;
    const [first] = packets;
    if (first === undefined) return;
    this.discard();
    if (!this.#stream.writable) return;
    // What is taken at once is not followed by "drain".
    if (this.#stream.write(packets.length === 1 ? first : Buffer.concat(packets)))
      this.#events.onTaken();
  }

  discard(): void {
    this.#packets = [];
    this.#bytes = 0;
  }
}
