import type { Milliseconds } from "../../domain/time.ts";
import type { Clock } from "../ports.ts";
import type { StrangerLimits } from "./limits.ts";
import { sourceOf } from "./source.ts";

interface Failures {
  since: Milliseconds;
  count: number;
}

type Limits = Pick<
  StrangerLimits,
  "failures" | "failuresPerAddress" | "failuresPerIdentity" | "failureWindow" | "trackedFailures"
>;

/** Longer texts are no ids, and would cost memory. */
const maxClaim = 257;

/**
 * Counts refused logins of all heads. Beyond a number of them the answers to further *refused* ones wait: some SDKs try
 * again at once and for ever (spec/mqtt §2.7), and somebody who guesses is slowed down. Whoever has the right key is never
 * asked to wait, from whatever address: a stranger can lock nobody out. Forgets the oldest when it is full.
 */
export class FailedLogins {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Counts one refused login of the peer at `address`, which claims to be `identity`; how long its answer is to wait, in
   * milliseconds: 0, or 1,000 to 2,000.
   */
  refused(address: string, identity: string): Milliseconds {
    const { failures, failuresPerAddress, failuresPerIdentity } = this.#limits;
    const source = sourceOf(address);
    const who = identity.length <= maxClaim ? identity : "";
    const both = this.#count(`both ${source} ${who}`);
    const ofSource = this.#count(`source ${source}`);
    const ofIdentity = who === "" ? 0 : this.#count(`identity ${who}`);
    const isOver =
      both > failures || ofSource > failuresPerAddress || ofIdentity > failuresPerIdentity;
    // Spread, so that clients that were refused together do not come back together.
    return isOver ? 1_000 + ((both * 100) % 1_000) : 0;
  }

  /** Addresses and identities that are remembered. */
  get size(): number {
    return this.#failures.size;
  }

  #count(key: string): number {
    const now = this.#clock.now();
    const known = this.#failures.get(key);
    const isOld = known === undefined || now - known.since >= this.#limits.failureWindow;
    const current = isOld ? { since: now, count: 0 } : known;
    current.count++;
    this.#failures.delete(key);
    this.#failures.set(key, current);
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= this.#limits.trackedFailures) break;
      this.#failures.delete(oldest);
    }
    return current.count;
  }
}
