import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.ts";
import { merge } from "../twin/patch.ts";
import { type AppliedSettings, applyConfigurations, settingsOf } from "./apply.ts";

const nothing: AppliedSettings = new Map();
const from = (id: string, patch: JsonObject) => ({ id, settings: settingsOf(patch) });

describe("configurations applied to desired properties", () => {
  it("give each setting to the first, and leave out what lies above or below it", () => {
    const { patch, statuses } = applyConfigurations({}, nothing, [
      from("high", { a: { b: 1 } }),
      from("middle", { a: 5, c: 2 }),
      from("low", { a: { b: { x: 1 } } }),
    ]);
    expect(patch).toEqual({ a: { b: 1 }, c: 2 });
    expect(statuses).toEqual({
      high: { status: "Applied" },
      middle: { status: "Applied" },
      low: { status: "Targeted" },
    });
  });

  it("remove with null, keep what is not theirs, and do not bring back what they removed", () => {
    const first = applyConfigurations({ x: 1, own: 2 }, nothing, [from("a", { x: null })]);
    expect(first.patch).toEqual({ x: null });
    const after = merge({ x: 1, own: 2 }, first.patch);
    expect(applyConfigurations(after, first.applied, []).patch).toEqual({});
  });

  it("treat names of built-in members as any other", () => {
    const content = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject;
    const { patch } = applyConfigurations({}, nothing, [from("a", content)]);
    expect(JSON.stringify(patch)).toBe('{"__proto__":{"x":1},"constructor":2}');
  });
});

const key = fc.constantFrom("a", "b", "c");
const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constant("t"),
  fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
);
const { tree } = fc.letrec<{ tree: JsonObject; value: Json }>((tie) => ({
  tree: fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  value: fc.oneof({ depthSize: "small" }, leaf, tie("tree")),
}));
const contents = fc.array(tree, { maxLength: 4 });
const named = (list: readonly JsonObject[]) => list.map((patch, index) => from(`c${index}`, patch));

describe("configurations of any content", () => {
  it("are at rest once they have been applied", () => {
    fc.assert(
      fc.property(tree, contents, (desired, list) => {
        const first = applyConfigurations(desired, nothing, named(list));
        const after = merge(desired, first.patch);
        const second = applyConfigurations(after, first.applied, named(list));
        expect(second.patch).toEqual({});
        expect(second.applied).toEqual(first.applied);
      }),
    );
  });

  it("lead to the same settings, whatever was applied before", () => {
    fc.assert(
      fc.property(tree, contents, contents, (desired, before, list) => {
        const first = applyConfigurations(desired, nothing, named(before));
        const between = merge(desired, first.patch);
        const { patch, applied } = applyConfigurations(between, first.applied, named(list));
        const after = settingsOf(merge(between, patch));
        for (const [path, { value }] of applied)
          if (typeof value !== "object") expect(after.get(path)).toEqual(value);
        for (const path of first.applied.keys())
          if (!applied.has(path) && typeof first.applied.get(path)?.value !== "object")
            expect(after.has(path) && after.get(path) !== undefined).toBe(false);
      }),
    );
  });
});
