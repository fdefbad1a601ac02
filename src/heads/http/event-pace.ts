import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** How long one share of a second's messages is counted, in milliseconds. */
const windowLength: Milliseconds = 250;

/** How many messages a stream may show: so many a second, counted anew four times a second. */
export class EventPace {
  readonly #clock: Clock;
  readonly #share: number;
  #ends: Milliseconds = 0;
  #left = 0;

  /** `rate`: messages a second, at least 1. */
  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.#share = Math.max(1, Math.ceil((rate * windowLength) / 1000));
  }

  /** Messages that may be shown now. */
  get room(): number {
    const now = this.#clock.now();
    if (now >= this.#ends) {
      this.#ends = now + windowLength;
      this.#left = this.#share;
    }
    return this.#left;
  }

  take(count: number): void {
    this.#left -= count;
  }

  /** Resolves when there is room. */
  async untilRoom(): Promise<void> {
    while (this.room === 0) {
      const wait = Math.max(1, this.#ends - this.#clock.now());
      await new Promise<void>((resolve) => void this.#clock.after(wait, resolve));
    }
  }
}
