import { describe, expect, it } from "vitest";
import type { TwinDocument } from "../../api/twins.ts";
import { draftOf, hasMoved, patchOf, withWritten } from "./draft.ts";

function twin(desired: object, etag = "AAAAAAAAAAE="): TwinDocument {
  return {
    deviceId: "d1",
    moduleId: "m1",
    etag,
    version: 2,
    tags: { site: "berlin" },
    properties: {
      desired: { ...desired, $version: 2, $metadata: {} },
      reported: { $version: 1, $metadata: {} },
    },
  } as unknown as TwinDocument;
}

describe("a draft of a twin", () => {
  it("changes nothing until something is written", () => {
    expect(patchOf(draftOf(twin({ a: 1 })))).toEqual({ kind: "none" });
  });

  it("changes nothing by layout or by the order of members", () => {
    const draft = draftOf(twin({ a: 1, b: 2 }));
    expect(patchOf({ ...draft, desired: '{"b":2,"a":1}' })).toEqual({ kind: "none" });
  });

  it("is saved as the smallest patch of the sections that differ", () => {
    const draft = draftOf(twin({ a: 1, b: { c: 1, d: 2 } }));
    expect(patchOf({ ...draft, desired: '{"b":{"c":1,"d":3}}' })).toMatchObject({
      kind: "patch",
      patch: { properties: { desired: { a: null, b: { d: 3 } } } },
    });
    expect(patchOf({ ...draft, tags: '{"site":"bonn"}' })).toMatchObject({
      patch: { tags: { site: "bonn" } },
    });
  });

  it("can't be saved while the hub would refuse it", () => {
    const draft = draftOf(twin({}));
    expect(patchOf({ ...draft, desired: "{" }).kind).toBe("invalid");
    expect(patchOf({ ...draft, tags: '{"$bad":1}' }).kind).toBe("invalid");
  });

  it("knows that the twin has moved on, and can be put on top of it", () => {
    const draft = draftOf(twin({ a: 1 }));
    const newest = twin({ a: 2 }, "AAAAAAAAAAI=");
    expect(hasMoved(draft, newest)).toBe(true);
    const moved = withWritten(newest, { desired: { a: 2, b: 1 }, tags: { site: "berlin" } });
    expect(hasMoved(moved, newest)).toBe(false);
    expect(patchOf(moved)).toMatchObject({ patch: { properties: { desired: { b: 1 } } } });
  });
});
