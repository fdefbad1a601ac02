import { describe, expect, it, vi } from "vitest";
import { MovableClock } from "../../testing/movable-clock.ts";
import type { Milliseconds } from "../../domain/time.ts";
import { ExpiryWatch } from "./expiry-watch.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A watch and what it was told to look at; `next` answers when to look again. */
function watched(next: (deviceId: string, times: number) => Milliseconds | null = () => null) {
  const clock = new MovableClock();
  const looked: string[] = [];
  const watch = new ExpiryWatch(clock, silent, async (deviceId) => {
    looked.push(deviceId);
    return next(deviceId, looked.filter((id) => id === deviceId).length);
  });
  return { clock, looked, watch };
}

describe("the watch over expiring messages", () => {
  it("looks at a queue at the earliest time that it was told, once", async () => {
    const { clock, looked, watch } = watched();
    const now = clock.now();
    watch.watch("a", now + 60_000);
    watch.watch("a", now + 20_000);
    watch.watch("a", now + 40_000);
    watch.watch("b", now + 50_000);
    clock.advance(19_000);
    expect(looked).toEqual([]);
    clock.advance(2_000);
    await vi.waitFor(() => expect(looked).toEqual(["a"]));
    clock.advance(60_000);
    await vi.waitFor(() => expect(looked).toEqual(["a", "b"]));
  });

  it("looks again when the queue says so", async () => {
    const start = Date.now();
    const { clock, looked, watch } = watched((_, times) =>
      times < 3 ? start + times * 100_000 : null,
    );
    watch.watch("a", start + 50_000);
    for (let i = 1; i <= 3; i++) {
      clock.advance(100_000);
      await vi.waitFor(() => expect(looked).toHaveLength(i));
    }
    clock.advance(1_000_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(looked).toHaveLength(3);
  });

  it("keeps no queue waiting for one that fails, which it looks at again", async () => {
    let failures = 2;
    const { clock, looked, watch } = watched((deviceId) => {
      if (deviceId === "a" && failures-- > 0) throw new Error("the disk is full");
      return null;
    });
    watch.watch("a", clock.now() + 1_000);
    watch.watch("b", clock.now() + 1_000);
    clock.advance(1_001);
    await vi.waitFor(() => expect(looked).toEqual(["a", "b"]));
    for (const expected of [3, 4]) {
      // The watch has set its timer by now, or sets it while time stands.
      await vi.waitFor(() => {
        clock.advance(5_000);
        expect(looked).toHaveLength(expected);
      });
    }
    clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(looked).toEqual(["a", "b", "a", "a"]);
  });

  it("does nothing after it has been stopped", async () => {
    const { clock, looked, watch } = watched();
    watch.watch("a", clock.now() + 1_000);
    watch.stop();
    watch.watch("b", clock.now() + 1_000);
    clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(looked).toEqual([]);
  });
});
