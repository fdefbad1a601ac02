import { describe, expect, it } from "vitest";
import { defaultLimits } from "./limits.ts";
import { RefusalCounter } from "./refusals.ts";
import { ManualClock } from "./testing/manual-clock.ts";

describe("refused CONNECTs", () => {
  it("are answered at once ten times in ten seconds, then after 1 to 2 seconds", () => {
    const clock = new ManualClock(0);
    const counter = new RefusalCounter(clock, defaultLimits);
    for (let i = 0; i < 10; i++) expect(counter.delay("a")).toBe(0);
    for (let i = 0; i < 20; i++) {
      const delay = counter.delay("a");
      expect(delay).toBeGreaterThanOrEqual(1_000);
      expect(delay).toBeLessThan(2_000);
    }
    expect(counter.delay("b")).toBe(0);
    clock.advance(10_000);
    expect(counter.delay("a")).toBe(0);
  });

  it("are forgotten, oldest first, above the number of sources that is kept", () => {
    const counter = new RefusalCounter(new ManualClock(0), {
      ...defaultLimits,
      trackedRefusals: 3,
    });
    for (const source of ["a", "b", "c", "d", "e"]) counter.delay(source);
    expect(counter.size).toBe(3);
  });
});
