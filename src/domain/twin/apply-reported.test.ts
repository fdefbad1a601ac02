import { describe, expect, it } from "vitest";
import type { JsonObject } from "../json.ts";
import { twinEtag } from "../identity/etag.ts";
import { applyReported } from "./apply-reported.ts";
import { parseTwinObject } from "./parse.ts";
import { newTwin, type Twin } from "./twin.ts";

const created = newTwin(1000);

function reported(...patches: readonly JsonObject[]): Twin {
  return patches.reduce((twin: Twin, patch) => applyReported(twin, patch, 2000).twin, created);
}

describe("applyReported", () => {
  it("T04, T39: raises the reported version and the twin's, never the etag", () => {
    const { twin, changes } = applyReported(created, { r: 1 }, 2000);
    expect(twin).toMatchObject({ version: 3, etagCounter: 1, reported: { version: 2 } });
    expect(twinEtag(twin.etagCounter)).toBe("AAAAAAAAAAE=");
    expect(changes).toEqual({
      opType: "updateTwin",
      etagCounter: 1,
      version: 3,
      reported: { change: { r: 1 }, version: 2 },
    });
  });

  it("T09, T10: creates nothing for null, and an empty object for an object of nulls", () => {
    expect(reported({ p: null }).reported.value).toEqual({});
    expect(reported({ p: { q: null } }, { p: { q: null } }).reported.value).toEqual({ p: {} });
  });

  it("T17: keeps an array of mixed elements as it is", () => {
    const list = [1, "a", true, { k: 1 }];
    expect(reported({ list }).reported.value).toEqual({ list });
  });

  it.each<[string, JsonObject]>([
    ["T18: null in an array", { a: [null] }],
    ["T18: null in an object in an array", { a: [{ b: null }] }],
    ["T19: a key that begins with $", { $x: 123, ok: "abcd" }],
    ["T20: a desired delta with its $version", { a: 1, $version: 5 }],
    ["$metadata", { $metadata: {} }],
  ])("refuses %s and applies nothing", (_, patch) => {
    expect(() => applyReported(created, patch, 2000)).toThrow(
      expect.objectContaining({ name: "ArgumentInvalid" }) as Error,
    );
    expect(created).toEqual(newTwin(1000));
  });

  it("T28: refuses a report that makes the section too large", () => {
    const keys = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    const twin = reported(...keys.map((key) => ({ [key]: "x".repeat(4096) })));
    expect(applyReported(twin, { k8: "x".repeat(4079) }, 1).twin.reported.version).toBe(9);
    expect(() => applyReported(twin, { k8: "x".repeat(4080) }, 1)).toThrow(
      expect.objectContaining({
        name: "DeviceModelMaxPropertiesExceeded",
        number: 403100,
        message: "'Properties.Reported' size should be less than 32768 bytes.",
      }) as Error,
    );
  });

  it("T40: keeps strings character for character", () => {
    const text = '{"d":"2023-01-31T10:37:08.4599400"}';
    expect(JSON.stringify(reported(parseTwinObject(text)).reported.value)).toBe(text);
  });

  it("T52: refuses a stale version and accepts the current one", () => {
    const twin = reported({ r: 1 });
    expect(applyReported(twin, { r: 2 }, 3000, 2).twin.reported.version).toBe(3);
    for (const stale of [1, 3, Number.NaN]) {
      expect(() => applyReported(twin, { r: 2 }, 3000, stale)).toThrow(
        expect.objectContaining({ name: "PreconditionFailed" }) as Error,
      );
    }
    expect(twin.reported.value).toEqual({ r: 1 });
  });

  it("raises for an empty report, and for one that changes nothing (N15)", () => {
    expect(applyReported(created, {}, 2000).changes?.reported).toEqual({ change: {}, version: 2 });
    const twin = reported({ r: 1 });
    expect(applyReported(twin, { r: 1 }, 2000).changes?.reported).toEqual({
      change: { r: 1 },
      version: 3,
    });
  });

  it("N14: tells a removed key as null", () => {
    const { changes } = applyReported(reported({ r: 1 }), { r: null, absent: null }, 2000);
    expect(changes?.reported?.change).toEqual({ r: null });
  });

  it("shares what it does not write with the twin before", () => {
    const twin = reported({ a: { x: 1 }, b: 1 });
    const next = applyReported(twin, { b: 2 }, 2000).twin;
    expect(next.reported.value["a"]).toBe(twin.reported.value["a"]);
    expect(next.desired).toBe(twin.desired);
    expect(next.tags).toBe(twin.tags);
    expect(twin.reported.value).toEqual({ a: { x: 1 }, b: 1 });
  });
});
