import { defaultSettings } from "./app/context.ts";
import type { ThrottleSettings } from "./app/throttling/throttles.ts";
import { ConfigError } from "./config/config-error.ts";
import type { HubConfig } from "./config/schema.ts";
import { HubError } from "./domain/errors.ts";
import {
  type ThrottleLimits,
  jobConcurrencyOf,
  limitsOf,
  readLimits,
} from "./domain/throttling/throttles.ts";

/** How long an operation waits for its turn at the most, in milliseconds. */
const maxDelay = 10_000;
const unlimited: ThrottleLimits = { rates: {}, quota: null };

/** What the hub throttles, or `null`. Throws ConfigError for units and limits that there are not. */
export function throttleSettings({ throttle }: HubConfig): ThrottleSettings | null {
  if (throttle === undefined) return null;
  const { tier, units, limits, enforces, burstSeconds } = throttle;
  try {
    const base = tier === null ? unlimited : limitsOf(tier, units);
    const own = limits === "" ? [] : ["own limits"];
    return {
      name: [...(tier === null ? [] : [`${tier} x ${units}`]), ...own].join(", "),
      enforces,
      limits: readLimits(limits, base),
      burst: burstSeconds * 1000,
      maxDelay,
    };
  } catch (error) {
    if (error instanceof HubError) throw new ConfigError(`--throttle: ${error.message}`);
    throw error;
  }
}

/** Jobs at the same time: as many as configured, and no more than the tier runs where that is enforced. */
export function jobConcurrency({ throttle, jobConcurrency: configured }: HubConfig): number {
  const wanted = configured ?? defaultSettings.jobConcurrency;
  if (throttle === undefined || !throttle.enforces || throttle.tier === null) return wanted;
  return Math.min(wanted, jobConcurrencyOf(throttle.tier));
}
