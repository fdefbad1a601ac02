import { describe, expect, it } from "vitest";
import { MovableClock } from "./movable-clock.ts";

const soon = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

describe("a clock that stands", () => {
  it("shows the same time, and lets nothing become due, until it is moved", async () => {
    const clock = new MovableClock(5_000, { stands: true });
    const done: string[] = [];
    clock.after(0, () => done.push("at once"));
    clock.after(10, () => done.push("later"));
    await soon();
    expect([clock.now(), done]).toEqual([5_000, []]);
    clock.advance(9);
    expect([clock.now(), done]).toEqual([5_009, ["at once"]]);
    clock.jump(100);
    expect([clock.now(), done]).toEqual([5_109, ["at once"]]);
    clock.advance(1);
    expect([clock.now(), done]).toEqual([5_110, ["at once", "later"]]);
  });
});

describe("a clock that goes", () => {
  it("lets by itself become due what waits for real time", async () => {
    const clock = new MovableClock(5_000);
    await new Promise<void>((resolve) => void clock.after(1, resolve));
    expect(clock.now()).toBeGreaterThanOrEqual(5_000);
  });
});
