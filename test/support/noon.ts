import type { Milliseconds } from "../../src/domain/time.ts";

const day = 86_400_000;

/** Noon of this day in UTC: no test runs over midnight, and tokens and certificates of today are valid. */
export function noon(): Milliseconds {
  return Math.floor(Date.now() / day) * day + day / 2;
}
