import type { Clock } from "../../app/ports.ts";
import type { MqttLimits } from "./limits.ts";

interface Refusals {
  since: number;
  count: number;
}

/**
 * Counts refused CONNECTs by source and identity, because some SDKs try again at once and for ever: after a
 * number of refusals their answers are delayed (spec/mqtt §2.7). Forgets the oldest when it is full.
 */
export class RefusalCounter {
  readonly #clock: Clock;
  readonly #limits: MqttLimits;
  readonly #bySource = new Map<string, Refusals>();

  constructor(clock: Clock, limits: MqttLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Counts one refusal; how long its answer is to wait, in milliseconds: 0, or 1,000 to 2,000. */
  delay(source: string): number {
    const now = this.#clock.now();
    const known = this.#bySource.get(source);
    const current =
      known === undefined || now - known.since >= this.#limits.refusalWindow
        ? { since: now, count: 0 }
        : known;
    current.count++;
    this.#bySource.delete(source);
    this.#bySource.set(source, current);
    this.#forgetOldest();
    // Spread, so that clients that were refused together do not come back together.
    return current.count <= this.#limits.refusals ? 0 : 1_000 + ((current.count * 100) % 1_000);
  }

  get size(): number {
    return this.#bySource.size;
  }

  #forgetOldest(): void {
    if (this.#bySource.size <= this.#limits.trackedRefusals) return;
    const oldest = this.#bySource.keys().next();
    if (oldest.done !== true) this.#bySource.delete(oldest.value);
  }
}
