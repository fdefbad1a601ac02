import { describe, expect, it } from "vitest";
import { MovableClock } from "../../testing/movable-clock.ts";
import { FailedLogins } from "./failed-logins.ts";
import { defaultStrangerLimits } from "./limits.ts";

const home = "192.0.2.1:5000";

function failedLogins(limits: Partial<typeof defaultStrangerLimits> = {}) {
  const clock = new MovableClock();
  return { clock, logins: new FailedLogins(clock, { ...defaultStrangerLimits, ...limits }) };
}

describe("refused logins", () => {
  it("are answered at once ten times in ten seconds, then after 1 to 2 seconds", () => {
    const { clock, logins } = failedLogins();
    for (let i = 0; i < 10; i++) expect(logins.refused(home, "d1")).toBe(0);
    for (let i = 0; i < 20; i++) {
      const delay = logins.refused("192.0.2.1:6000", "d1");
      expect(delay).toBeGreaterThanOrEqual(1_000);
      expect(delay).toBeLessThan(2_000);
    }
    expect(logins.refused(home, "d1/m1")).toBe(0);
    clock.advance(10_000);
    expect(logins.refused(home, "d1")).toBe(0);
  });

  it("of one address wait after a hundred, whoever it claims to be", () => {
    const { logins } = failedLogins();
    for (let i = 0; i < 100; i++) expect(logins.refused(home, `d${i}`)).toBe(0);
    expect(logins.refused(home, "another")).toBeGreaterThan(0);
    expect(logins.refused("192.0.2.2:1", "another")).toBe(0);
  });

  it("of one identity wait after a hundred, wherever they come from", () => {
    const { logins } = failedLogins();
    for (let i = 0; i < 100; i++) expect(logins.refused(`198.51.100.${i}:1`, "d1/m1")).toBe(0);
    expect(logins.refused("203.0.113.1:1", "d1/m1")).toBeGreaterThan(0);
    expect(logins.refused("203.0.113.1:1", "d1")).toBe(0);
  });

  it("are forgotten, oldest first, above the number that is kept", () => {
    const { logins } = failedLogins({ trackedFailures: 9 });
    for (let i = 0; i < 50; i++) logins.refused(`192.0.2.${i}:1`, `d${i}`);
    expect(logins.size).toBe(9);
    for (let i = 0; i < 50; i++) logins.refused(home, "x".repeat(300));
    expect(logins.size).toBe(9);
  });
});
