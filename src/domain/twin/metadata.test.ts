import { describe, expect, it } from "vitest";
import type { JsonObject } from "../json.ts";
import { applyReported } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { freshMetadata, metadataView } from "./metadata.ts";
import { replaceTwin } from "./replace.ts";
import { newTwin, type Twin } from "./twin.ts";

/** Desired writes at the times 2, 3, … with the versions 2, 3, … */
function desired(...patches: readonly JsonObject[]): Twin {
  return patches.reduce(
    (twin: Twin, patch) =>
      applyServicePatch(twin, { desired: patch }, twin.desired.version + 1).twin,
    newTwin(1),
  );
}

function stamp(at: number, k?: object) {
  return k === undefined ? { t: at, v: at } : { t: at, v: at, k };
}

describe("metadata", () => {
  it("has only the time of creation in a new twin", () => {
    expect(newTwin(1).desired.metadata).toEqual({ t: 1 });
    expect(newTwin(1).reported.metadata).toEqual({ t: 1 });
  });

  it("T42: stamps the named keys and their ancestors, and no sibling", () => {
    const { metadata } = desired({ a: { x: 1 }, b: 1 }, { a: { y: 2 } }).desired;
    expect(metadata).toEqual(stamp(3, { a: stamp(3, { x: stamp(2), y: stamp(3) }), b: stamp(2) }));
  });

  it("stamps a key again when its value stays the same", () => {
    expect(desired({ a: 1 }, { a: 1 }).desired.metadata).toEqual(stamp(3, { a: stamp(3) }));
  });

  it("T43: forgets a removed key and stamps its ancestors", () => {
    expect(desired({ a: 1 }, { a: null }).desired.metadata).toEqual(stamp(3));
    expect(desired({ o: { a: 1, b: 1 } }, { o: { a: null } }).desired.metadata).toEqual(
      stamp(3, { o: stamp(3, { b: stamp(2) }) }),
    );
  });

  it("gives an array one entry, and forgets members when an object becomes something else", () => {
    const array = desired({ o: { x: 1 } }, { o: [{ y: 1 }] });
    expect(array.desired.metadata).toEqual(stamp(3, { o: stamp(3) }));
    const again = applyServicePatch(array, { desired: { o: { z: 1 } } }, 4).twin;
    expect(again.desired.metadata).toEqual(stamp(4, { o: stamp(4, { z: stamp(4) }) }));
  });

  it("keeps members when an empty object is written over them", () => {
    expect(desired({ o: { x: 1 } }, { o: {} }).desired.metadata).toEqual(
      stamp(3, { o: stamp(3, { x: stamp(2) }) }),
    );
  });

  it("T44: has times only in reported properties", () => {
    const { twin } = applyReported(newTwin(1), { a: { x: 1 } }, 5);
    expect(twin.reported.metadata).toEqual({ t: 5, k: { a: { t: 5, k: { x: { t: 5 } } } } });
  });

  it("stamps every key of a replacement", () => {
    const { twin } = replaceTwin(desired({ a: 1, b: 1 }), { desired: { a: 1, o: { x: 1 } } }, 3);
    expect(twin.desired.metadata).toEqual(stamp(3, { a: stamp(3), o: stamp(3, { x: stamp(3) }) }));
  });

  it("prints $lastUpdated and $lastUpdatedVersion before the members", () => {
    const time = Date.UTC(2024, 4, 1, 10, 0, 0, 123);
    const view = metadataView(freshMetadata({ a: { b: 1 }, gone: null }, { t: time, v: 7 }));
    const own = '"$lastUpdated":"2024-05-01T10:00:00.1230000Z","$lastUpdatedVersion":7';
    expect(JSON.stringify(view)).toBe(`{${own},"a":{${own},"b":{${own}}}}`);
  });

  it("has entries for __proto__ and constructor like for any key", () => {
    const patch = JSON.parse('{"__proto__":{"constructor":1}}') as JsonObject;
    const twin = desired(patch, patch);
    expect(JSON.stringify(twin.desired.metadata)).toBe(
      '{"t":3,"v":3,"k":{"__proto__":{"t":3,"v":3,"k":{"constructor":{"t":3,"v":3}}}}}',
    );
    expect(Object.keys(metadataView(twin.desired.metadata))).toContain("__proto__");
  });
});
