import type { Clock } from "../../app/ports.ts";

/** Names for failed requests, which stand in their answers and in the log (spec/mqtt §7.3). */
export class TrackingIds {
  readonly #clock: Clock;
  readonly #start: string;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = clock.now().toString(16);
  }

  /** For example `18cc251f400-2a-G:0-TimeStamp:01/01/2030 00:00:00`. */
  next(): string {
    const time = new Date(this.#clock.now()).toISOString();
    const date = `${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(0, 4)}`;
    this.#count++;
    return `${this.#start}-${this.#count.toString(16)}-G:0-TimeStamp:${date} ${time.slice(11, 19)}`;
  }
}
