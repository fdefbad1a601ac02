import { argumentInvalid } from "../errors.ts";

/** What the cloud throttles, each by itself (spec/semantics §15.1). */
export const throttleNames = [
  "registry",
  "connects",
  "telemetry",
  "c2dSends",
  "c2dReceives",
  "fileUploads",
  "methods",
  "queries",
  "twinReads",
  "twinUpdates",
  "jobs",
  "jobDevices",
  "configurations",
] as const;

export type ThrottleName = (typeof throttleNames)[number];

export const tiers = ["F1", "B1", "S1", "B2", "S2", "B3", "S3"] as const;
export type Tier = (typeof tiers)[number];

/** Rates per second: operations, for `methods` bytes. A throttle without a rate is not limited. */
export type Rates = { readonly [name in ThrottleName]?: number };

/** Messages that a day may have, in steps of the meter. */
export interface Quota {
  readonly perDay: number;
  /** Bytes that count as one message. */
  readonly meter: number;
}

export interface ThrottleLimits {
  readonly rates: Rates;
  /** `null`: not limited. */
  readonly quota: Quota | null;
}

const maxUnits = { F1: 1, B1: 200, S1: 200, B2: 200, S2: 200, B3: 10, S3: 10 } as const;
const kilobyte = 1024;
const perMinute = (count: number): number => count / 60;

/** What the cloud allows a hub of this tier (spec/semantics §15.1, §15.2). Refuses more units than the tier can have. */
export function limitsOf(tier: Tier, units: number): ThrottleLimits {
  if (!Number.isInteger(units) || units < 1 || units > maxUnits[tier])
    throw argumentInvalid(`A hub of tier ${tier} has 1 to ${maxUnits[tier]} units, not ${units}`);
  return { rates: ratesOf(tier, units), quota: quotaOf(tier, units) };
}

function ratesOf(tier: Tier, units: number): Rates {
  switch (tier) {
    case "F1":
    case "B1":
    case "S1":
      return {
        ...shared(100, units),
        connects: Math.max(100, 12 * units),
        telemetry: Math.max(100, 12 * units),
        c2dReceives: perMinute(1000 * units),
        methods: 160 * kilobyte * units,
        queries: perMinute(20 * units),
        twinReads: 100,
        twinUpdates: 50,
        jobDevices: 10,
      };
    case "B2":
    case "S2":
      return {
        ...shared(100, units),
        connects: 120 * units,
        telemetry: 120 * units,
        c2dReceives: perMinute(1000 * units),
        methods: 480 * kilobyte * units,
        queries: perMinute(20 * units),
        twinReads: Math.max(100, 10 * units),
        twinUpdates: Math.max(50, 5 * units),
        jobDevices: Math.max(10, units),
      };
    case "B3":
    case "S3":
      return {
        ...shared(5000, units),
        connects: 6000 * units,
        telemetry: 6000 * units,
        c2dReceives: perMinute(50_000 * units),
        methods: 24 * kilobyte * kilobyte * units,
        queries: perMinute(1000 * units),
        twinReads: 500 * units,
        twinUpdates: 250 * units,
        jobDevices: 50 * units,
      };
  }
}

/** What has the same number of operations a minute and unit in a tier, and what is the same in all. */
function shared(perMinuteAndUnit: number, units: number): Rates {
  const rate = perMinute(perMinuteAndUnit * units);
  return {
    registry: rate,
    c2dSends: rate,
    fileUploads: rate,
    jobs: rate,
    configurations: perMinute(20 * units),
  };
}

function quotaOf(tier: Tier, units: number): Quota {
  const meter = 4 * kilobyte;
  switch (tier) {
    case "F1":
      return { perDay: 8_000, meter: kilobyte / 2 };
    case "B1":
    case "S1":
      return { perDay: 400_000 * units, meter };
    case "B2":
    case "S2":
      return { perDay: 6_000_000 * units, meter };
    case "B3":
    case "S3":
      return { perDay: 300_000_000 * units, meter };
  }
}

/** Jobs that the tier runs at the same time (spec/semantics §15.3). */
export function jobConcurrencyOf(tier: Tier): number {
  switch (tier) {
    case "F1":
    case "B1":
    case "S1":
      return 1;
    case "B2":
    case "S2":
      return 5;
    case "B3":
    case "S3":
      return 10;
  }
}

/** Bytes in steps of a meter; nothing counts as one step. */
export function steps(bytes: number, meter: number): number {
  return Math.max(1, Math.ceil(bytes / meter));
}

/** The step in which the payloads of direct methods count, whatever the tier (spec/semantics §8). */
export const methodStep = 4 * kilobyte;

const pattern =
  /^\s*(?<name>[A-Za-z0-9]+)\s*=\s*(?<count>\d{1,12}(?:\.\d{1,3})?)\s*(?<kilo>KB)?\s*\/\s*(?<per>s|min|day)\s*$/;

/**
 * Reads limits by name over others: `telemetry=10/s,registry=5/min,methods=40KB/s,quota=1000/day`. Refuses with
 * ArgumentInvalid what is not such a list.
 */
export function readLimits(text: string, base: ThrottleLimits): ThrottleLimits {
  const rates: { [name in ThrottleName]?: number } = { ...base.rates };
  let { quota } = base;
  for (const part of text.split(",").filter((each) => each.trim() !== "")) {
    const { name, count, kilo, per } = pattern.exec(part)?.groups ?? {};
    const value = Number(count) * (kilo === undefined ? 1 : kilobyte);
    if (name === "quota" && per === "day" && kilo === undefined && Number.isInteger(value)) {
      quota = { perDay: value, meter: base.quota?.meter ?? 4 * kilobyte };
      continue;
    }
    const known = throttleNames.find((each) => each === name);
    if (
      known === undefined ||
      per === "day" ||
      value <= 0 ||
      (kilo !== undefined) !== (known === "methods")
    )
      throw argumentInvalid(
        `'${part.trim()}' is not a limit: telemetry=10/s, registry=5/min, methods=40KB/s and quota=1000/day are, the names are ${throttleNames.join(", ")}`,
      );
    rates[known] = per === "min" ? perMinute(value) : value;
  }
  return { rates, quota };
}
