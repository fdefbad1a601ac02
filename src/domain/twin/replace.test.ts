import { describe, expect, it } from "vitest";
import type { JsonObject } from "../json.ts";
import { applyReported } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { readServicePatch } from "./patch.ts";
import { replaceTwin } from "./replace.ts";
import { newTwin } from "./twin.ts";

const created = newTwin(1000);

function replaceDesired(before: JsonObject, after: JsonObject) {
  const { twin } = applyServicePatch(created, { desired: before }, 2000);
  return replaceTwin(twin, { desired: after }, 3000);
}

describe("replaceTwin", () => {
  it("T32: refuses null with the service's text, in either section and at any level", () => {
    const refusal = (path: string) =>
      expect.objectContaining({
        name: "ArgumentInvalid",
        message: `Value of Property or Tag cannot be null. Error in Property/Tag ${path}`,
      }) as Error;
    expect(() => replaceTwin(created, { tags: { "my-tag": null } }, 1)).toThrow(refusal("my-tag"));
    expect(() => replaceTwin(created, { desired: { a: { b: null } } }, 1)).toThrow(refusal("a.b"));
    expect(() => replaceTwin(created, { tags: null }, 1)).toThrow(refusal("tags"));
    expect(() => replaceTwin(created, { desired: null }, 1)).toThrow(refusal("properties.desired"));
  });

  it("T33: tells kept and new keys with values and removed ones as null", () => {
    const { twin, changes } = replaceDesired({ a: 1, b: 2 }, { a: 1, c: 100 });
    expect(twin.desired.value).toEqual({ a: 1, c: 100 });
    expect(changes?.desired).toEqual({ change: { a: 1, b: null, c: 100 }, version: 3 });
  });

  it("T34: tells null for every key when desired becomes empty", () => {
    const { twin, changes } = replaceDesired({ a: 1, b: { c: 1 } }, {});
    expect(twin.desired.value).toEqual({});
    expect(changes?.desired?.change).toEqual({ a: null, b: null });
  });

  it("T35: leaves desired properties alone when only tags are given", () => {
    const { twin: before } = applyServicePatch(created, { desired: { a: 1 } }, 2000);
    const { twin, changes } = replaceTwin(before, { tags: { t: 1 } }, 3000);
    expect(twin.desired).toBe(before.desired);
    expect(changes?.desired).toBeUndefined();
  });

  it("T36: leaves reported properties alone, whatever the body holds", () => {
    const { twin: before } = applyReported(created, { r: 1 }, 2000);
    const body = { tags: { t: 1 }, properties: { desired: { a: 1 }, reported: { r: 9 } } };
    const { twin } = replaceTwin(before, readServicePatch(body, { deviceId: "d1" }), 3000);
    expect(twin.reported).toBe(before.reported);
    expect(twin.desired.value).toEqual({ a: 1 });
  });

  it.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: { x: 1, y: 2 } }, { a: { x: 1 } }, { a: { x: 1, y: null } }],
    [{ a: { x: 1 } }, { a: 5 }, { a: 5 }],
    [{ a: 5 }, { a: { x: 1 } }, { a: { x: 1 } }],
    [
      { a: 1, b: [1] },
      { a: 1, b: [1] },
      { a: 1, b: [1] },
    ],
    [{ a: { x: 1 } }, { a: {} }, { a: { x: null } }],
  ])("N10: from %j to %j tells %j", (before, after, change) => {
    expect(replaceDesired(before, after).changes?.desired).toEqual({ change, version: 3 });
  });

  it("counts as one write with the same content too, and carries the whole new twin (N16)", () => {
    const { twin, changes } = replaceTwin(created, { tags: {}, desired: {} }, 3000);
    expect(twin).toMatchObject({ version: 3, etagCounter: 2, desired: { version: 2 } });
    expect(changes?.opType).toBe("replaceTwin");
    expect(changes?.twin).toBe(twin);
  });

  it("raises nothing when no section is given", () => {
    expect(replaceTwin(created, {}, 3000)).toEqual({ twin: created, changes: null });
  });

  it("refuses sections that are too large or hold what they may not", () => {
    const large = { a: "x".repeat(4096), b: "x".repeat(4096) };
    expect(() => replaceTwin(created, { tags: large }, 1)).toThrow(
      "'Tags' size should be less than 8192 bytes.",
    );
    expect(() => replaceTwin(created, { desired: { "a b": 1 } }, 1)).toThrow("a b");
  });
});
