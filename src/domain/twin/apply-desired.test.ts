import { describe, expect, it } from "vitest";
import type { JsonObject } from "../json.ts";
import { applyReported } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { readServicePatch } from "./patch.ts";
import { newTwin, type Twin, type TwinPatch } from "./twin.ts";
import { ownView, serviceView } from "./view.ts";

const created = newTwin(1000);

/** `v`, `e`, `dv`, `rv` of the specification. */
function counters(twin: Twin) {
  const { version, etagCounter, desired, reported } = twin;
  return { v: version, e: etagCounter, dv: desired.version, rv: reported.version };
}

function desired(...patches: readonly JsonObject[]): Twin {
  return patches.reduce((twin: Twin, patch) => write(twin, { desired: patch }).twin, created);
}

function write(twin: Twin, patch: TwinPatch) {
  return applyServicePatch(twin, patch, 2000);
}

describe("applyServicePatch", () => {
  it("T01, T47: finds v=2, e=1, dv=1, rv=1 in a new twin", () => {
    expect(counters(created)).toEqual({ v: 2, e: 1, dv: 1, rv: 1 });
  });

  it("T02 to T05: counts desired writes, tag writes and reports each in its own way", () => {
    const first = write(created, { desired: { a: 1 } }).twin;
    expect(counters(first)).toEqual({ v: 3, e: 2, dv: 2, rv: 1 });
    const second = write(first, { tags: { t: 1 } }).twin;
    expect(counters(second)).toEqual({ v: 4, e: 3, dv: 2, rv: 1 });
    const third = applyReported(second, { r: 1 }, 3000).twin;
    expect(counters(third)).toEqual({ v: 5, e: 3, dv: 2, rv: 2 });
    expect(third.version).toBe(third.etagCounter + third.reported.version);
  });

  it("T06: counts the same value as a write and tells it", () => {
    const { twin, changes } = write(desired({ a: 1 }), { desired: { a: 1 } });
    expect(twin.desired.version).toBe(3);
    expect(changes?.desired).toEqual({ change: { a: 1 }, version: 3 });
  });

  it("T07: removes a key with null", () => {
    const { twin, changes } = write(desired({ a: 1, b: 2 }), { desired: { a: null } });
    expect(twin.desired.value).toEqual({ b: 2 });
    expect(changes?.desired).toEqual({ change: { a: null }, version: 3 });
  });

  it.each<[string, TwinPatch]>([
    ["T08: null for an absent key", { desired: { zz: null } }],
    ["null for an absent key that objects inherit", { desired: { constructor: null } }],
    ["an empty body", {}],
    ["empty sections", { tags: {}, desired: {} }],
    ["clearing what is empty", { tags: null, desired: null }],
  ])("raises nothing for %s", (_, patch) => {
    const { twin, changes } = write(created, patch);
    expect(twin).toBe(created);
    expect(changes).toBeNull();
  });

  it("raises one section when the other names nothing", () => {
    const { twin, changes } = write(created, { tags: { t: 1 }, desired: { zz: null } });
    expect(counters(twin)).toEqual({ v: 3, e: 2, dv: 1, rv: 1 });
    expect(twin.desired).toBe(created.desired);
    expect(changes?.desired).toBeUndefined();
    expect(changes?.tags).toEqual({ t: 1 });
  });

  it("raises etag and version once when tags and desired are written together", () => {
    const { twin } = write(created, { tags: { t: 1 }, desired: { a: 1 } });
    expect(counters(twin)).toEqual({ v: 3, e: 2, dv: 2, rv: 1 });
  });

  it("T13: removes everything with desired null, and names every key", () => {
    const { twin, changes } = write(desired({ foo: 1, bar: { x: 1 } }), { desired: null });
    expect(ownView(twin)["desired"]).toEqual({ $version: 3 });
    expect(changes?.desired).toEqual({ change: { foo: null, bar: null }, version: 3 });
  });

  it("T16: raises for an empty object at an existing key", () => {
    const { twin, changes } = write(desired({ o: { x: 1 } }), { desired: { o: {} } });
    expect(twin.desired.value).toEqual({ o: { x: 1 } });
    expect(changes?.desired).toEqual({ change: { o: {} }, version: 3 });
  });

  it("leaves nulls for absent keys out of what it tells, nested ones too", () => {
    const { changes } = write(desired({ o: { x: 1 } }), {
      desired: { o: { x: null, y: null }, p: { q: null }, z: null },
    });
    expect(changes?.desired?.change).toEqual({ o: { x: null }, p: {} });
  });

  it("T31: measures the section after the merge", () => {
    const keys = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    const full = Object.fromEntries(keys.map((key) => [key, "x".repeat(4096)]));
    const twin = desired({ ...full, k8: "x".repeat(4079) });
    const { value } = write(twin, { desired: { k8: null, k9: "y".repeat(4079) } }).twin.desired;
    expect(Object.keys(value)).toEqual([...keys, "k9"]);
    expect(() => write(twin, { desired: { n: true } })).toThrow(
      "'Properties.Desired' size should be less than 32768 bytes.",
    );
    expect(() => write(twin, { tags: { a: "x".repeat(4096), b: "x".repeat(4096) } })).toThrow(
      "'Tags' size should be less than 8192 bytes.",
    );
  });

  it("T37, N04: takes a whole twin that is sent back for a desired write", () => {
    const before = write(desired({ a: { x: 1 } }), { tags: { t: 1 } }).twin;
    const device = {
      deviceId: "d1",
      generationId: "1",
      etagNumber: 1,
      authentication: { type: "none" },
      status: "enabled",
      statusReason: null,
      statusUpdatedTime: 0,
      iotEdge: false,
      deviceScope: null,
      parentScopes: [],
    } as const;
    const parts = { identity: device, device, presence: undefined, queued: 0 };
    const body = serviceView({ ...parts, twin: before });
    const { twin, changes } = write(before, readServicePatch(body, { deviceId: "d1" }));
    expect(twin.desired.value).toEqual({ a: { x: 1 } });
    expect(counters(twin)).toEqual({ v: 5, e: 4, dv: 3, rv: 1 });
    expect(changes?.desired).toEqual({ change: { a: { x: 1 } }, version: 3 });
  });

  it("T45: clears tags key by key, and all at once with null", () => {
    const { twin } = write(created, { tags: { t: 1, u: { v: 1 } } });
    expect(write(twin, { tags: { t: null, u: null } }).twin.tags).toEqual({});
    const { twin: cleared, changes } = write(twin, { tags: null });
    expect(cleared.tags).toEqual({});
    expect(changes?.tags).toEqual({ t: null, u: null });
  });

  it("T49: counts a hundred writes of distinct keys without a gap", () => {
    let twin = created;
    const told: number[] = [];
    for (let index = 0; index < 100; index++) {
      const outcome = write(twin, { desired: { [`k${index}`]: index } });
      twin = outcome.twin;
      told.push(outcome.changes?.desired?.version ?? 0);
    }
    expect(Object.keys(twin.desired.value)).toHaveLength(100);
    expect(told).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
  });

  it("T55: applies nothing when one section is invalid", () => {
    const tags = { a: { b: { c: 1 } } };
    expect(() => write(created, { tags, desired: { x: 1, "y.z": 1 } })).toThrow(
      expect.objectContaining({
        name: "ArgumentInvalid",
        message: expect.stringContaining("y.z") as string,
      }) as Error,
    );
    expect(created.tags).toEqual({});
  });

  it("N02: tells what the patch names, whatever its values", () => {
    const { changes } = write(desired({ a: 1, b: 2 }), { desired: { a: -1 } });
    expect(changes?.desired?.change).toEqual({ a: -1 });
  });

  it("N03: tells nothing about desired properties when only tags are written", () => {
    const { changes } = write(created, { tags: { t: 1 } });
    expect(changes).toMatchObject({ opType: "updateTwin", etagCounter: 2, version: 3 });
    expect(changes?.desired).toBeUndefined();
  });

  it("N06: two writes merge, and raise the version by two", () => {
    const twin = desired({ a: 1, b: 1 }, { b: 2, c: 3 });
    expect(ownView(twin)["desired"]).toEqual({ a: 1, b: 2, c: 3, $version: 3 });
  });

  it("T48: leaves every other twin alone", () => {
    const device = desired({ p: 1 });
    const module = write(newTwin(1000), { desired: { p: 2 } }).twin;
    expect(write(device, { desired: { p: 3 } }).twin.desired.value).toEqual({ p: 3 });
    expect(module.desired.value).toEqual({ p: 2 });
    expect(counters(module)).toEqual({ v: 3, e: 2, dv: 2, rv: 1 });
  });
});
