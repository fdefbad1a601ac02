import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import type { JsonObject } from "../../domain/json.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { eventBlocks } from "./event-block.ts";

const names = fc.constantFrom("a", "b c", "__proto__", "€", "1", '"');
const changes = fc
  .array(fc.tuple(names, fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 })
  .map((members) => Object.fromEntries(members) as JsonObject);
const versions = fc.nat({ max: 2 ** 40 });

/** As a use case makes them: what was not written is there, and undefined. */
const events: fc.Arbitrary<HubEvent> = fc
  .record({
    moduleId: fc.constantFrom(undefined, "m1", "m$'"),
    at: versions,
    etagCounter: versions,
    version: versions,
    sections: fc.constantFrom("reported", "reported", "tags", "desired", "all"),
    change: changes,
    isReplaced: fc.boolean(),
  })
  .map(({ moduleId, at, etagCounter, version, sections, change, isReplaced }) => {
    const has = (name: string): boolean => sections === name || sections === "all";
    return {
      type: "twinChanged",
      key: moduleId === undefined ? { deviceId: "d1" } : { deviceId: "d1", moduleId },
      at,
      opType: isReplaced ? "replaceTwin" : "updateTwin",
      etagCounter,
      version,
      tags: has("tags") ? { n: at } : undefined,
      desired: has("desired") ? { change: { n: at }, version } : undefined,
      reported: has("reported") ? { change, version: etagCounter } : undefined,
      twin: sections === "all" ? newTwin(at) : undefined,
    };
  });

describe("the events of a commit", () => {
  it("are the same text whether or not changes are known as texts", () => {
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 10 }), (all) => {
        const known = new Map<JsonObject, string>();
        for (const event of all)
          if (event.type === "twinChanged" && event.reported !== undefined)
            known.set(event.reported.change, JSON.stringify(event.reported.change));
        const expected = [{ first: 7, count: all.length, events: JSON.stringify(all) }];
        expect(eventBlocks(all, 7, known)).toEqual(expected);
        expect(eventBlocks(all, 7)).toEqual(expected);
      }),
    );
  });

  it("begin another block after 256, numbered on", () => {
    const event: HubEvent = {
      type: "connectionChanged",
      key: { deviceId: "d1", moduleId: "m1" },
      at: 1,
      connected: true,
      protocol: "mqtt",
    };
    const blocks = eventBlocks(
      Array.from({ length: 300 }, () => event),
      1,
    );
    expect(blocks.map(({ first, count }) => [first, count])).toEqual([
      [1, 256],
      [257, 44],
    ]);
  });
});
