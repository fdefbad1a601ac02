import { describe, expect, it } from "vitest";
import { historyOf } from "./history.ts";

describe("the history of a twin", () => {
  it("has one entry for each section that a change wrote", () => {
    const change = {
      sequence: 7,
      type: "updateTwin",
      deviceId: "d1",
      moduleId: "m1",
      time: "2026-05-01T10:00:00Z",
      version: 5,
      tags: { site: "bonn" },
      properties: { desired: { interval: 30, $metadata: {}, $version: 3 } },
    };
    expect(historyOf([change])).toEqual([
      { id: "7-desired", kind: "desired", version: 3, at: change.time, change: { interval: 30 } },
      { id: "7-tags", kind: "tags", version: 5, at: change.time, change: { site: "bonn" } },
    ]);
  });

  it("leaves out what is no change of the twin", () => {
    const created = { sequence: 1, type: "createIdentity", deviceId: "d1", time: "x" };
    expect(historyOf([created])).toEqual([]);
  });
});
