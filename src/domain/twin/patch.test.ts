import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.ts";
import { parseTwinObject } from "./parse.ts";
import { merge, readServicePatch } from "./patch.ts";

const argumentInvalid = expect.objectContaining({ name: "ArgumentInvalid" }) as Error;

describe("merge", () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ["T09: null for an absent key creates nothing", {}, { p: null }, {}],
    ["T10: an object of nulls under an absent key", {}, { p: { q: null } }, { p: {} }],
    ["T10: the same once more", { p: {} }, { p: { q: null } }, { p: {} }],
    ["T14: an object becomes a scalar", { o: { x: 1 } }, { o: 5 }, { o: 5 }],
    ["T14: a scalar becomes an object", { o: 5 }, { o: { y: 1 } }, { o: { y: 1 } }],
    ["T15: an array is replaced as a whole", { a: [1, 2, 3] }, { a: [9] }, { a: [9] }],
    ["T16: an empty object changes nothing", { o: { x: 1 } }, { o: {} }, { o: { x: 1 } }],
    ["an array becomes an object", { a: [1] }, { a: { "0": 2 } }, { a: { "0": 2 } }],
    ["the last member is deleted", { o: { x: 1 } }, { o: { x: null } }, { o: {} }],
    ["T54: keys differ in case", { Temp: 1 }, { temp: 2 }, { Temp: 1, temp: 2 }],
  ])("%s", (_, target, patch, result) => {
    expect(merge(target, patch)).toEqual(result);
  });

  it("T11, T12: merges at every level and removes subtrees", () => {
    const section = { bar: { baz: 2, tweedle: { dee: 3 } }, foo: 1 };
    const merged = merge(section, { bar: { baz: 3 } });
    expect(merged).toEqual({ foo: 1, bar: { baz: 3, tweedle: { dee: 3 } } });
    expect(merge(merged, { bar: { tweedle: null } })).toEqual({ foo: 1, bar: { baz: 3 } });
  });

  it("changes neither argument and shares what is untouched", () => {
    const target = parseTwinObject('{"a":{"x":1},"b":{"y":{"z":1}}}');
    const patch = parseTwinObject('{"a":{"x":2,"n":null}}');
    const merged = merge(target, patch);
    expect(target).toEqual({ a: { x: 1 }, b: { y: { z: 1 } } });
    expect(patch).toEqual({ a: { x: 2, n: null } });
    expect(merged["b"]).toBe(target["b"]);
  });

  it("T41: treats __proto__ and constructor as ordinary keys at every level", () => {
    const text = '{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"toString":1}';
    const patch = parseTwinObject(text);
    const merged = merge(merge({}, patch), parseTwinObject('{"o":{"__proto__":{"z":1}}}'));
    expect(JSON.stringify(merged)).toBe(`${text.slice(0, -1)},"o":{"__proto__":{"z":1}}}`);
    expect(({} as { x?: Json }).x).toBeUndefined();
    const emptied = merge(merged, parseTwinObject('{"__proto__":{"x":null},"constructor":null}'));
    expect(JSON.stringify(emptied)).toBe('{"__proto__":{},"toString":1,"o":{"__proto__":{"z":1}}}');
    expect(JSON.stringify(merge(emptied, parseTwinObject('{"__proto__":null}')))).toBe(
      '{"toString":1,"o":{"__proto__":{"z":1}}}',
    );
  });

  it("does not merge into what every object inherits", () => {
    expect(merge({}, { constructor: { name: null } })).toEqual({ constructor: {} });
  });
});

describe.each([
  { of: "a device", key: { deviceId: "d1" } },
  { of: "a module", key: { deviceId: "d1", moduleId: "m1" } },
])("readServicePatch for $of", ({ key }) => {
  it("takes tags and desired properties and ignores everything else (T36)", () => {
    const body: JsonObject = {
      deviceId: key.deviceId,
      moduleId: key.moduleId ?? null,
      etag: "AAAAAAAAAAE=",
      version: 7,
      status: "disabled",
      tags: { t: 1, $version: 3 },
      properties: {
        desired: { a: { b: null }, $metadata: { a: 1 }, $version: 5 },
        reported: { r: 1 },
      },
      capabilities: null,
    };
    expect(readServicePatch(body, key)).toEqual({ tags: { t: 1 }, desired: { a: { b: null } } });
  });

  it("tells a missing section, a cleared one and an empty one apart", () => {
    expect(readServicePatch({}, key)).toEqual({ tags: undefined, desired: undefined });
    expect(readServicePatch({ tags: null, properties: { desired: null } }, key)).toEqual({
      tags: null,
      desired: null,
    });
    expect(readServicePatch({ properties: { desired: { $version: 1 } } }, key).desired).toEqual({});
    expect(readServicePatch({ properties: null }, key).desired).toBeUndefined();
  });

  it.each<JsonObject>([
    { tags: 1 },
    { tags: [] },
    { properties: "x" },
    { properties: { desired: [1] } },
    { properties: { desired: false } },
  ])("refuses %j, where a section should be", (body) => {
    expect(() => readServicePatch(body, key)).toThrow(argumentInvalid);
  });

  it("refuses a body that names another identity and accepts null ids", () => {
    expect(() => readServicePatch({ deviceId: "D1" }, key)).toThrow(argumentInvalid);
    expect(() => readServicePatch({ deviceId: 1 }, key)).toThrow(argumentInvalid);
    expect(() => readServicePatch({ moduleId: "m2" }, key)).toThrow(argumentInvalid);
    expect(readServicePatch({ deviceId: null, moduleId: null, tags: { t: 1 } }, key).tags).toEqual({
      t: 1,
    });
  });

  it("does not take sections from a __proto__ member", () => {
    expect(readServicePatch(parseTwinObject('{"__proto__":{"tags":{"t":1}}}'), key).tags).toBe(
      undefined,
    );
  });
});

it("refuses a module id in the body of a device's twin", () => {
  expect(() => readServicePatch({ moduleId: "m1" }, { deviceId: "d1" })).toThrow(argumentInvalid);
});
