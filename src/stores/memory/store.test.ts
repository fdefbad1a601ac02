import { describe, expect, it } from "vitest";
import { message } from "../conformance/samples.ts";
import { describeStore, suiteTime } from "../conformance/suite.ts";
import { createMemoryStore } from "./store.ts";

const clock = { now: () => suiteTime, after: () => () => {} };

describeStore("memory", () =>
  Promise.resolve({ store: createMemoryStore({ clock, partitions: 4, maxEvents: 100_000 }) }),
);

describe("a memory store's limits", () => {
  it("keep the newest events and messages only", async () => {
    const store = createMemoryStore({ clock, partitions: 1, maxEvents: 10, maxLogBytes: 25 });
    for (let n = 1; n <= 30; n++) {
      await store.transaction(null, (tx) =>
        tx.emit({ type: "identityCreated", key: { deviceId: "d" }, at: n, generationId: "1" }),
      );
      await store.eventLog.append(0, message({ deviceId: "d" }, "0123456789"));
    }
    await expect
      .poll(async () => (await store.events(0, 100)).map((event) => event.sequence))
      .toEqual(Array.from({ length: 10 }, (_, n) => n + 21));
    await expect.poll(async () => (await store.eventLog.info(0)).firstSequenceNumber).toBe(29);
    await store.close();
  });
});
