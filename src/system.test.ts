import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./system.ts";

const day = 86_400_000;
const longestTimer = 2 ** 31 - 1;

describe("the system's clock", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000 }));
  afterEach(() => void vi.useRealTimers());

  it.each([1, 60_000, longestTimer, longestTimer + 1, 90 * day])(
    "calls back once, after %d milliseconds and not before",
    (delay) => {
      const calls: number[] = [];
      systemClock.after(delay, () => calls.push(systemClock.now()));
      vi.advanceTimersByTime(delay - 1);
      expect(calls).toEqual([]);
      vi.advanceTimersByTime(90 * day);
      expect(calls).toEqual([1_000 + delay]);
    },
  );

  it.each([-5, 60_000, 90 * day])(
    "does not call back after %d milliseconds if told so",
    (delay) => {
      const calls: number[] = [];
      const cancel = systemClock.after(delay, () => calls.push(delay));
      if (delay > 0) vi.advanceTimersByTime(delay - 1);
      cancel();
      vi.advanceTimersByTime(180 * day);
      expect(calls).toEqual([]);
      cancel();
    },
  );
});
