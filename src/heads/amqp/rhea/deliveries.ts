import type { RheaDeliveries, RheaDelivery } from "./types.ts";

/**
 * Deliveries of one session and direction that are not settled. Unlike the library's ring, one delivery that nobody
 * settles does not hold the places of those behind it (spec/amqp §2.3 rule 4, T12).
 */
export class Deliveries implements RheaDeliveries {
  readonly #capacity: number;
  readonly #byId = new Map<number, RheaDelivery>();
  #onNext: ((delivery: RheaDelivery) => void) | undefined;
  #held = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  available(): number {
    return this.#capacity - this.#byId.size - this.#held;
  }

  /** Counts so many more, or less, that are not settled and not kept here. */
  hold(change: number): void {
    this.#held += change;
  }

  push(delivery: RheaDelivery): void {
    if (this.available() <= 0)
      throw new Error(`More than ${this.#capacity} deliveries are not settled`);
    this.#byId.set(delivery.id, delivery);
    this.#onNext?.(delivery);
    this.#onNext = undefined;
  }

  /** Hears of the next delivery that is added. */
  onNext(listener: (delivery: RheaDelivery) => void): void {
    this.#onNext = listener;
  }

  by_id(id: number): RheaDelivery | undefined {
    return this.#byId.get(id);
  }

  pop_if(matches: (delivery: RheaDelivery) => boolean): number {
    let removed = 0;
    for (const [id, delivery] of this.#byId) {
      if (!matches(delivery)) continue;
      this.#byId.delete(id);
      removed++;
    }
    return removed;
  }

  /** The ids between two, ends included, at the cost of what is there and not of how far they are apart. */
  within(first: number, last: number): number[] {
    if (last - first < this.#byId.size) {
      const ids = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
      return ids.filter((id) => this.#byId.has(id));
    }
    return [...this.#byId.keys()].filter((id) => id >= first && id <= last);
  }

  ofLink(link: unknown): RheaDelivery[] {
    return [...this.#byId.values()].filter((delivery) => delivery.link === link);
  }
}
