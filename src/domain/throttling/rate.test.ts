import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RateLimit, admit, idle } from "./rate.ts";

const tenPerSecond: RateLimit = { perSecond: 10, burst: 2_000, maxDelay: 1_000 };

/** Admits one operation after the other, all at the same time; gives the delays until one is refused. */
function delaysAt(limit: RateLimit, now: number, from = idle, cost = 1): number[] {
  const delays: number[] = [];
  for (let state = from; ;) {
    const admission = admit(limit, state, cost, now);
    if (admission === null) return delays;
    delays.push(admission.delay);
    state = admission.state;
  }
}

describe("a rate limit", () => {
  it("lets a burst pass, then spreads at its rate, then refuses", () => {
    const delays = delaysAt(tenPerSecond, 50_000);
    expect(delays.slice(0, 20).every((delay) => delay === 0)).toBe(true);
    expect(delays.slice(20)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  });

  it("gives the burst back as time passes, and never more than that", () => {
    const full = 50_000;
    expect(delaysAt(tenPerSecond, 51_000, full).filter((delay) => delay === 0)).toHaveLength(10);
    expect(delaysAt(tenPerSecond, 99_000, full).filter((delay) => delay === 0)).toHaveLength(20);
  });

  it("admits what costs more than a burst when it is rested, and makes others wait for it", () => {
    const admission = admit(tenPerSecond, idle, 100, 50_000);
    expect(admission).toEqual({ state: 58_000, delay: 0 });
    expect(admit(tenPerSecond, 58_000, 1, 50_000)).toBeNull();
    expect(admit(tenPerSecond, 58_000, 1, 57_500)).toEqual({ state: 58_100, delay: 600 });
  });

  it("never lets more begin in any time than its rate and one burst, and keeps their order", () => {
    const limits = fc.record({
      perSecond: fc.integer({ min: 1, max: 1000 }),
      burst: fc.integer({ min: 1_000, max: 60_000 }),
      maxDelay: fc.integer({ min: 0, max: 10_000 }),
    });
    const gaps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 });
    fc.assert(
      fc.property(limits, gaps, (limit, waits) => {
        let now = 1_000_000;
        let state = idle;
        const begins: number[] = [];
        for (const wait of waits) {
          now += wait;
          const admission = admit(limit, state, 1, now);
          if (admission === null) continue;
          ({ state } = admission);
          begins.push(now + admission.delay);
          expect(admission.delay).toBeLessThanOrEqual(limit.maxDelay);
        }
        for (const [index, begin] of begins.entries()) {
          expect(begin).toBeGreaterThanOrEqual(begins[index - 1] ?? begin);
          const allowed = (limit.perSecond * (begin - (begins[0] ?? begin) + limit.burst)) / 1000;
          expect(index + 1).toBeLessThanOrEqual(Math.floor(allowed + 1e-6) + 1);
        }
      }),
    );
  });
});
