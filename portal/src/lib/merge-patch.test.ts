import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "./json.ts";
import { applyPatch, changes, diff, threeWay, valueAt, withChange } from "./merge-patch.ts";

const key = fc.constantFrom("a", "b", "c", "__proto__", "constructor");
const { tree } = fc.letrec<{ tree: JsonObject; value: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constantFrom<Json>(1, "x", true, [1, { a: 2 }]), tie("tree")),
  tree: fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));

describe("diff", () => {
  it("is what turns one section into another", () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        expect(applyPatch(from, diff(from, to))).toEqual(to);
      }),
    );
  });

  it("is empty for what is equal", () => {
    fc.assert(
      fc.property(tree, (section) => {
        expect(diff(section, section)).toEqual({});
      }),
    );
  });

  it("removes with null and replaces arrays as a whole", () => {
    expect(diff({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { b: 1, c: [1] } })).toEqual({
      a: { c: [1] },
      d: null,
    });
  });
});

describe("changes", () => {
  it("rebuild a section leaf by leaf", () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        expect(changes(from, to).reduce(withChange, from)).toEqual(to);
      }),
    );
  });
});

describe("a three-way merge", () => {
  it("keeps both sides' changes where they do not meet", () => {
    const base = { interval: 60, climate: { min: 1, max: 2 } };
    const theirs = { interval: 60, climate: { min: 5, max: 2 } };
    const mine = { interval: 30, climate: { min: 1, max: 9 } };
    expect(threeWay(base, theirs, mine)).toEqual({
      merged: { interval: 30, climate: { min: 5, max: 9 } },
      conflicts: [],
      taken: 2,
    });
  });

  it("tells where both changed the same place differently", () => {
    const merge = threeWay({ a: 1 }, { a: 2 }, { a: 3 });
    expect(merge.merged).toEqual({ a: 2 });
    expect(merge.conflicts).toEqual([{ path: ["a"], base: 1, theirs: 2, mine: 3 }]);
  });

  it("takes a removal against a change below it for a conflict", () => {
    const merge = threeWay({ a: { b: 1 } }, { a: { b: 2 } }, {});
    expect(merge.conflicts).toEqual([
      { path: ["a"], base: { b: 1 }, theirs: { b: 2 }, mine: undefined },
    ]);
  });

  it("has no conflict when only one side changed anything", () => {
    fc.assert(
      fc.property(tree, tree, (base, changed) => {
        expect(threeWay(base, base, changed)).toMatchObject({ merged: changed, conflicts: [] });
        expect(threeWay(base, changed, base)).toEqual({
          merged: changed,
          conflicts: [],
          taken: 0,
        });
      }),
    );
  });

  it("with my side taken for every conflict, holds all my values", () => {
    fc.assert(
      fc.property(tree, tree, tree, (base, theirs, mine) => {
        const { merged, conflicts } = threeWay(base, theirs, mine);
        const resolved = conflicts.reduce(
          (section, { path, mine: value }) => withChange(section, { path, value }),
          merged,
        );
        for (const { path, value } of changes(base, mine))
          expect(valueAt(resolved, path)).toEqual(value);
      }),
    );
  });
});
