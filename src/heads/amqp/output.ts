import type { Duplex } from "node:stream";
import type { AmqpLimits } from "./limits.ts";

/** What leaves on one connection: the frames of one turn of the event loop leave in one write. */
export class Output {
  readonly #stream: Duplex;
  readonly #limits: AmqpLimits;
  readonly #onOverflow: () => void;
  readonly #onRoom: () => void;
  #frames: Buffer[] = [];
  #bytes = 0;
  #state: "open" | "congested" | "discarding" = "open";

  /** `on.room` hears that a congested peer has taken what waited; `on.overflow` that too much waits. */
  constructor(
    stream: Duplex,
    limits: AmqpLimits,
    on: { readonly room: () => void; readonly overflow: () => void },
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#onOverflow = on.overflow;
    this.#onRoom = on.room;
    stream.on("drain", () => this.#relieve());
  }

  /** Bytes that the peer has not taken yet. */
  get waiting(): number {
    return this.#bytes + this.#stream.writableLength;
  }

  /** True while deliveries are to be held back; `on.room` follows. */
  get congested(): boolean {
    if (this.#state === "open" && this.waiting > this.#limits.outputPause)
      this.#state = "congested";
    return this.#state === "congested";
  }

  write(frame: Buffer): void {
    if (this.#state === "discarding") return;
    if (this.waiting + frame.length > this.#limits.outputBytes) {
      this.discard();
      this.#onOverflow();
      return;
    }
    this.#bytes += frame.length;
    this.#frames.push(frame);
    if (this.#frames.length === 1) {
      // A tick queued by a microtask runs after all microtasks: answers that wait for promises come along.
      queueMicrotask(() => process.nextTick(() => this.flush()));
    }
  }

  flush(): void {
    const frames = this.#frames;
    const [first] = frames;
    if (first === undefined) return;
    this.#frames = [];
    this.#bytes = 0;
    if (this.#stream.writable) {
      this.#stream.write(frames.length === 1 ? first : Buffer.concat(frames));
      if (!this.#stream.writableNeedDrain) this.#relieve();
    }
  }

  #relieve(): void {
    if (this.#state !== "congested") return;
    this.#state = "open";
    this.#onRoom();
  }

  /** Forgets what has not been written, and writes nothing more. */
  discard(): void {
    this.#state = "discarding";
    this.#frames = [];
    this.#bytes = 0;
  }
}
