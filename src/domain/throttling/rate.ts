import type { Milliseconds } from "../time.ts";

/** How often something may be done. */
export interface RateLimit {
  /** Operations, or bytes where a throttle counts bytes, per second. */
  readonly perSecond: number;
  /** As much as the limit allows in this many milliseconds passes at once, after as long a rest. */
  readonly burst: Milliseconds;
  /** How long an operation may be put off; one that had to wait longer is refused. */
  readonly maxDelay: Milliseconds;
}

/** When everything admitted so far would be through, at the limit's rate. */
export type RateState = Milliseconds;

/** Nothing was admitted yet. */
export const idle: RateState = Number.NEGATIVE_INFINITY;

export interface Admission {
  readonly state: RateState;
  /** 0 if it may go on at once. */
  readonly delay: Milliseconds;
}

/**
 * Admits an operation now or after a delay, or refuses it with `null` (traffic shaping, spec/semantics §15.4). An
 * operation that costs more than a whole burst passes as one of a burst's size would, and holds up those after it.
 */
export function admit(
  limit: RateLimit,
  state: RateState,
  cost: number,
  now: Milliseconds,
): Admission | null {
  const { perSecond, burst, maxDelay } = limit;
  const from = Math.max(state, now - burst);
  const takes = (cost * 1000) / perSecond;
  const delay = Math.max(0, from + Math.min(takes, burst) - now);
  return delay > maxDelay ? null : { state: from + takes, delay };
}
