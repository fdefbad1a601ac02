import type { Clock, Random } from "../../app/ports.ts";

/** Names for failures, which stand in their answers and in the log (spec/amqp §14.1). */
export class TrackingIds {
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** 32 hexadecimal digits, then for example `-G:0-TimeStamp:01/31/2030 23:59:59`. */
  next(): string {
    const time = new Date(this.#clock.now()).toISOString();
    const date = `${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(0, 4)}`;
    return `${this.#random.uuid().replaceAll("-", "")}-G:0-TimeStamp:${date} ${time.slice(11, 19)}`;
  }
}
