import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyObject, isObject, type Json, type JsonObject } from "../json.ts";
import { applyReported, withReport } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { mergeChange, replaceChange } from "./change.ts";
import { checkSection } from "./limits.ts";
import { parseTwinObject } from "./parse.ts";
import { merge } from "./patch.ts";
import { replaceTwin } from "./replace.ts";
import { sectionSize } from "./size.ts";
import { type Metadata, newTwin, type Twin, type TwinPatch } from "./twin.ts";
import { ownView, ownViewText } from "./view.ts";

/** Few keys, so that patches meet; the dangerous ones among them. */
const keys = fc.constantFrom("a", "b", "c", "1", "€", "__proto__", "constructor", "toString");

function objects(leaves: fc.Arbitrary<Json>, depth: number): fc.Arbitrary<JsonObject> {
  const values: fc.Arbitrary<Json> =
    depth === 0
      ? leaves
      : fc.oneof(
          { weight: 3, arbitrary: leaves },
          { weight: 2, arbitrary: objects(leaves, depth - 1) },
        );
  return fc.array(fc.tuple(keys, values), { maxLength: 5 }).map((members) => {
    const object = emptyObject();
    for (const [key, value] of members) object[key] = value;
    return object;
  });
}

const scalars: fc.Arbitrary<Json> = fc.oneof(
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value + 0),
  fc.string({ maxLength: 5 }),
  fc.constant([1, "x", { k: [] }]),
);
const sections = objects(scalars, 3);
const patches = objects(fc.oneof(scalars, fc.constant(null)), 3);

/** Equal up to the order of keys. */
function same(actual: Json, expected: Json): void {
  expect(sorted(actual)).toBe(sorted(expected));
}

function sorted(value: Json): string {
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sorted(value[key] ?? null)}`);
  return `{${members.join()}}`;
}

function holdsNull(value: Json): boolean {
  return value === null || (isObject(value) && Object.values(value).some(holdsNull));
}

describe("merge", () => {
  it("gives the same when the same patch is applied again", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        const once = merge(section, patch);
        same(merge(once, patch), once);
      }),
    );
  });

  it("leaves no null, whatever the patch holds", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        expect(holdsNull(merge(section, patch))).toBe(false);
      }),
    );
  });

  it("removes what is null, writes scalars, and keeps every key that is not named", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        const merged = merge(section, patch);
        for (const key of new Set([...Object.keys(section), ...Object.keys(patch)])) {
          const named = Object.hasOwn(patch, key) ? patch[key] : undefined;
          if (named === undefined) expect(merged[key]).toBe(section[key]);
          else if (named === null) expect(Object.hasOwn(merged, key)).toBe(false);
          else if (!isObject(named)) expect(merged[key]).toBe(named);
        }
      }),
    );
  });

  it("gives the same in either order for patches that name different keys", () => {
    fc.assert(
      fc.property(sections, patches, patches, (section, first, other) => {
        const second = emptyObject();
        for (const key of Object.keys(other)) {
          if (!Object.hasOwn(first, key)) second[key] = other[key] ?? null;
        }
        same(merge(merge(section, first), second), merge(merge(section, second), first));
      }),
    );
  });

  it("lets the later patch win where both name a key", () => {
    fc.assert(
      fc.property(sections, patches, patches, (section, first, second) => {
        const merged = merge(merge(section, first), second);
        for (const [key, value] of Object.entries(second)) {
          if (value === null) expect(Object.hasOwn(merged, key)).toBe(false);
          else if (!isObject(value)) expect(merged[key]).toBe(value);
        }
      }),
    );
  });

  it("gives the whole section when merged into nothing", () => {
    fc.assert(fc.property(sections, (section) => same(merge({}, section), section)));
  });

  it("changes neither argument", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        const before = [JSON.stringify(section), JSON.stringify(patch)];
        merge(section, patch);
        expect([JSON.stringify(section), JSON.stringify(patch)]).toEqual(before);
      }),
    );
  });

  it("never touches what objects inherit", () => {
    const inherited = Reflect.ownKeys(Object.prototype);
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        merge(merge({}, section), patch);
        expect(Reflect.ownKeys(Object.prototype)).toEqual(inherited);
      }),
    );
  });
});

describe("what a listener is told", () => {
  it("leads from the old desired properties to the new ones, after a patch", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        same(merge(section, mergeChange(section, patch)), merge(section, patch));
      }),
    );
  });

  it("leads from the old desired properties to the new ones, after a replacement", () => {
    fc.assert(
      fc.property(sections, sections, (section, next) => {
        same(merge(section, replaceChange(section, next)), next);
      }),
    );
  });

  it("has null only for keys that existed", () => {
    fc.assert(
      fc.property(sections, patches, (section, patch) => {
        nullsExist(section, mergeChange(section, patch));
        nullsExist(section, replaceChange(section, merge({}, patch)));
      }),
    );
  });
});

function nullsExist(section: JsonObject, change: JsonObject): void {
  for (const key of Object.keys(change)) {
    const old = Object.hasOwn(section, key) ? section[key] : undefined;
    const value = change[key];
    if (value === null) expect(old).toBeDefined();
    else if (isObject(value)) nullsExist(isObject(old) ? old : {}, value);
  }
}

/** One write of a twin; `send` is what a client or service would say. */
type Step =
  | { readonly kind: "report"; readonly patch: JsonObject }
  | { readonly kind: "patch" | "replace"; readonly patch: TwinPatch };

function sometimes(
  section: fc.Arbitrary<JsonObject | null>,
): fc.Arbitrary<JsonObject | null | undefined> {
  return fc.option(section, { nil: undefined });
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("report" as const), patch: patches }),
    fc.record({
      kind: fc.constant("patch" as const),
      patch: fc.record({
        tags: sometimes(fc.option(patches)),
        desired: sometimes(fc.option(patches)),
      }),
    }),
    fc.record({
      kind: fc.constant("replace" as const),
      patch: fc.record({ tags: sometimes(sections), desired: sometimes(sections) }),
    }),
  ),
  { maxLength: 12 },
);

function take(twin: Twin, step: Step, now: number) {
  switch (step.kind) {
    case "report":
      return applyReported(twin, step.patch, now);
    case "patch":
      return applyServicePatch(twin, step.patch, now);
    case "replace":
      return replaceTwin(twin, step.patch, now);
  }
}

/** As a store gives a twin back. */
function stored(twin: Twin): Twin {
  return JSON.parse(JSON.stringify(twin)) as Twin;
}

describe("a twin, over any sequence of reports, patches and replacements", () => {
  it("keeps version = etag counter + reported version, and raises each as its kind of write does", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let twin = newTwin(0);
        for (const [index, step] of all.entries()) {
          const { twin: next, changes } = take(twin, step, index + 1);
          const raised = changes === null ? 0 : 1;
          expect(next.version).toBe(next.etagCounter + next.reported.version);
          expect(next.version - twin.version).toBe(raised);
          expect(next.etagCounter - twin.etagCounter).toBe(step.kind === "report" ? 0 : raised);
          expect(next.desired.version - twin.desired.version).toBe(changes?.desired ? 1 : 0);
          twin = next;
        }
      }),
    );
  });

  it("has metadata that mirrors the structure of its values exactly", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let twin = newTwin(0);
        for (const [index, step] of all.entries()) twin = take(twin, step, index + 1).twin;
        mirrors(twin.desired.value, twin.desired.metadata);
        mirrors(twin.reported.value, twin.reported.metadata);
      }),
    );
  });

  it("keeps a listener's copies equal to its own sections", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let twin = newTwin(0);
        let copy = {
          tags: {} as JsonObject,
          desired: {} as JsonObject,
          reported: {} as JsonObject,
        };
        for (const step of all) {
          const { twin: next, changes } = take(twin, step, 1);
          copy = {
            tags: merge(copy.tags, changes?.tags ?? {}),
            desired: merge(copy.desired, changes?.desired?.change ?? {}),
            reported: merge(copy.reported, changes?.reported?.change ?? {}),
          };
          same(copy.tags, next.tags);
          same(copy.desired, next.desired.value);
          same(copy.reported, next.reported.value);
          twin = next;
        }
      }),
    );
  });

  it("comes out the same when a store has written and read it between the steps", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let [kept, loaded] = [newTwin(0), newTwin(0)];
        for (const [index, step] of all.entries()) {
          kept = take(kept, step, index).twin;
          loaded = stored(take(stored(loaded), step, index).twin);
        }
        expect(JSON.stringify(loaded)).toBe(JSON.stringify(kept));
        expect(ownViewText(loaded)).toBe(JSON.stringify(ownView(kept)));
      }),
    );
  });

  it("comes out the same when a store has kept what reports changed, and not what they led to", () => {
    fc.assert(
      fc.property(steps, (all) => {
        let [kept, followed] = [newTwin(0), newTwin(0)];
        for (const [index, step] of all.entries()) {
          const { twin, changes } = take(kept, step, index);
          const change = changes?.reported?.change;
          kept = twin;
          followed =
            change === undefined
              ? stored(twin)
              : withReport(followed, { change: JSON.parse(JSON.stringify(change)), at: index });
          expect(JSON.stringify(followed)).toBe(JSON.stringify(kept));
        }
      }),
    );
  });
});

function mirrors(value: JsonObject, metadata: Metadata): void {
  expect(Object.keys(metadata.k ?? {}).sort()).toEqual(Object.keys(value).sort());
  for (const key of Object.keys(value)) {
    const [member, entry] = [value[key], metadata.k?.[key]];
    expect(entry?.t).toBeLessThanOrEqual(metadata.t);
    if (entry !== undefined && isObject(member)) mirrors(member, entry);
    else expect(entry?.k).toBeUndefined();
  }
}

describe("parseTwinObject, checkSection and sectionSize", () => {
  it("read back what was written, accept it, and agree that a patch adds no more than its size", () => {
    fc.assert(
      fc.property(sections, sections, (section, patch) => {
        same(parseTwinObject(JSON.stringify(section)), JSON.parse(JSON.stringify(section)) as Json);
        expect(() => checkSection(section, "refused")).not.toThrow();
        expect(sectionSize(merge(section, patch))).toBeLessThanOrEqual(
          sectionSize(section) + sectionSize(patch),
        );
      }),
    );
  });
});
