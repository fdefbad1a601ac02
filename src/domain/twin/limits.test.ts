import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.ts";
import { checkSection } from "./limits.ts";

function refusedWith(text: string) {
  return expect.objectContaining({
    name: "ArgumentInvalid",
    message: expect.stringContaining(text) as string,
  }) as Error;
}

function check(section: JsonObject) {
  return () => checkSection(section, "removes");
}

/** level1 { level2 { … } }, the innermost one empty. */
function nested(levels: number): JsonObject {
  return levels === 0 ? {} : { [`level${levels}`]: nested(levels - 1) };
}

function nestedArrays(levels: number): Json {
  return levels === 1 ? [] : [nestedArrays(levels - 1)];
}

describe("checkSection", () => {
  it.each([
    ["a.b", "'.'"],
    ["a b", "spaces"],
    ["a$b", "'$'"],
    ["$x", "'$'"],
    ["a\u0000", "U+0000"],
    ["a\u0007", "U+0007"],
    ["a\u001f", "U+001F"],
    ["a\u007f", "U+007F"],
    ["a\u0085", "U+0085"],
    ["a\u009f", "U+009F"],
    ["", "empty"],
  ])("T21: refuses the key %j at any level", (key, problem) => {
    expect(check({ [key]: 1 })).toThrow(refusedWith(problem));
    expect(check({ ok: { [key]: null } })).toThrow(refusedWith("Error in Property/Tag ok."));
    expect(check({ ok: [{ [key]: 1 }] })).toThrow(refusedWith("Error in Property/Tag ok[0]."));
  });

  it("accepts other keys: #, letters of any script, no-break space, upper and lower case", () => {
    expect(check({ "o#k": 1, größe: 1, "a\u00a0b": 1, Temp: 1, temp: 2, "1": 1 })).not.toThrow();
  });

  it("T22: accepts a key of 1024 bytes of UTF-8 and refuses longer ones", () => {
    expect(check({ ["a".repeat(1024)]: 1, ["€".repeat(341)]: 1 })).not.toThrow();
    expect(check({ ["a".repeat(1025)]: 1 })).toThrow(refusedWith("1024 bytes"));
    expect(check({ ["€".repeat(342)]: 1 })).toThrow(refusedWith("1024 bytes"));
  });

  it("T23: accepts a string of 4096 bytes of UTF-8 and refuses longer ones", () => {
    expect(check({ a: "x".repeat(4096), b: ["€".repeat(1365)] })).not.toThrow();
    const message = "Property or Tag value should be maximum 4096 bytes. Error in Property/Tag a";
    expect(check({ a: "x".repeat(4097) })).toThrow(refusedWith(message));
    expect(check({ a: "€".repeat(1366) })).toThrow(refusedWith(message));
    expect(check({ a: [["x".repeat(4097)]] })).toThrow(refusedWith(`${message}[0][0]`));
  });

  it("T26: accepts ten levels of objects and refuses the eleventh", () => {
    expect(check(nested(10))).not.toThrow();
    expect(check(nested(11))).toThrow(refusedWith("maximum 10"));
  });

  it("T27: accepts nine nested objects under a property", () => {
    expect(check({ property: nested(9) })).not.toThrow();
  });

  it("counts each array as a level", () => {
    expect(check({ a: nestedArrays(10) })).not.toThrow();
    expect(check({ a: nestedArrays(11) })).toThrow(refusedWith("maximum 10"));
    expect(check({ a: [nested(8)] })).not.toThrow();
    expect(check({ a: [nested(9)] })).toThrow(refusedWith("maximum 10"));
  });

  it("does not descend below the limit, however deep the value is", () => {
    let deep: Json = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(check({ deep })).toThrow(refusedWith("maximum 10"));
  });

  it("T17: accepts arrays of mixed elements, empty ones too", () => {
    expect(check({ a: [1, "a", true, { k: 1 }, [], {}], b: [] })).not.toThrow();
  });

  it("T18: refuses null as an element, and as a member of an object inside an array", () => {
    expect(check({ a: [1, null] })).toThrow(refusedWith("Error in Property/Tag a[1]"));
    expect(check({ a: [{ b: null }] })).toThrow(refusedWith("Error in Property/Tag a[0].b"));
    expect(check({ a: [[{ b: { c: null } }]] })).toThrow(refusedWith("a[0][0].b.c"));
  });

  it("lets null remove a key in a merge and refuses it in a replacement", () => {
    expect(check({ a: { b: null } })).not.toThrow();
    expect(() => checkSection({ a: { b: null } }, "refused")).toThrow(
      refusedWith("Value of Property or Tag cannot be null. Error in Property/Tag a.b"),
    );
  });

  it("refuses numbers that are not finite", () => {
    expect(check({ a: Number.POSITIVE_INFINITY })).toThrow(refusedWith("finite"));
    expect(check({ a: [Number.NaN] })).toThrow(refusedWith("finite"));
  });

  it("cuts long keys in messages and shows no semicolons or control characters", () => {
    const section = { [`x;y${"z".repeat(2000)}`]: 1 };
    expect(check(section)).toThrow(/^[^;]{1,200}$/);
    expect(check({ "bad\u0007;key": 1 })).toThrow(/Property\/Tag bad\?\?key$/);
  });
});
