import { describe, expect, it } from "vitest";
import { limitsOf, readLimits, steps, tiers } from "./throttles.ts";

const none = { rates: {}, quota: null };

describe("the limits of a tier", () => {
  it("are those that Azure publishes", () => {
    expect(limitsOf("S1", 1)).toMatchObject({
      rates: {
        registry: 100 / 60,
        connects: 100,
        telemetry: 100,
        queries: 20 / 60,
        twinReads: 100,
      },
      quota: { perDay: 400_000, meter: 4096 },
    });
    expect(limitsOf("S1", 10).rates).toMatchObject({ telemetry: 120, twinUpdates: 50 });
    expect(limitsOf("S2", 20).rates).toMatchObject({ telemetry: 2400, twinReads: 200 });
    expect(limitsOf("S3", 2).rates).toMatchObject({ telemetry: 12_000, methods: 48 * 1024 * 1024 });
    expect(limitsOf("F1", 1).quota).toEqual({ perDay: 8_000, meter: 512 });
  });

  it.each(tiers)("grow with the units of %s, to a number", (tier) => {
    expect(() => limitsOf(tier, 0)).toThrow(/units/);
    expect(() => limitsOf(tier, 201)).toThrow(/1 to \d+ units, not 201/);
    expect(limitsOf(tier, 1).quota?.perDay).toBeGreaterThan(0);
  });
});

describe("limits by name", () => {
  it("stand over those of a tier, or alone", () => {
    expect(readLimits("telemetry=10/s, registry=6/min,methods=8KB/s,quota=50/day", none)).toEqual({
      rates: { telemetry: 10, registry: 0.1, methods: 8192 },
      quota: { perDay: 50, meter: 4096 },
    });
    const free = readLimits("twinReads=0.5/s,quota=9/day", limitsOf("F1", 1));
    expect(free).toMatchObject({
      rates: { twinReads: 0.5, twinUpdates: 50 },
      quota: { perDay: 9, meter: 512 },
    });
    expect(readLimits("", limitsOf("S1", 2))).toEqual(limitsOf("S1", 2));
  });

  it.each([
    "telemetry",
    "telemetry=0/s",
    "telemetry=-1/s",
    "telemetry=10/h",
    "telemetry=1KB/s",
    "methods=10/s",
    "nothing=1/s",
    "telemetry=10/day",
    "quota=1.5/day",
    "quota=5/s",
    "__proto__=1/s",
  ])("are refused with the ways to write them: %s", (text) => {
    expect(() => readLimits(text, none)).toThrow(/is not a limit: telemetry=10\/s/);
  });
});

describe("a meter", () => {
  it("counts in whole steps, and nothing as one", () => {
    expect([0, 1, 4096, 4097, 9000].map((bytes) => steps(bytes, 4096))).toEqual([1, 1, 1, 2, 3]);
  });
});
