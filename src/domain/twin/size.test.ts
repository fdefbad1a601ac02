import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.ts";
import { checkSize, maxUncounted, sectionSize } from "./size.ts";

function tooLarge(message: string) {
  return expect.objectContaining({ name: "DeviceModelMaxPropertiesExceeded", message }) as Error;
}

/** k1 to k7 of 4096 characters each, and k8. */
function eightStrings(lengthOfLast: number): JsonObject {
  const keys = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
  return {
    ...Object.fromEntries(keys.map((key) => [key, "x".repeat(4096)])),
    k8: "x".repeat(lengthOfLast),
  };
}

describe("sectionSize", () => {
  it.each<[JsonObject, number]>([
    [{}, 0],
    [{ abc: "de" }, 5],
    [{ n: 1, f: 1.25, b: true, c: false }, 4 + 8 + 8 + 4 + 4],
    [{ o: { p: {} }, a: [] }, 3],
    [{ a: [1, "xy", [true], { k: "v" }] }, 1 + 8 + 2 + 4 + 2],
    [{ "€": "ß€😀" }, 3 + 2 + 3 + 4],
    [{ s: "a\nb\u0000c\u007fd\u0085e" }, 6],
    [{ s: `${"x".repeat(5000)}\r\n${"é".repeat(10)}` }, 1 + 5000 + 20],
  ])("counts %j by the documented formula", (section, size) => {
    expect(sectionSize(section)).toBe(size);
  });

  it("adds up: a section is as large as its parts", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(value, value, (first, second) => {
        const [a, b] = [first as Json, second as Json];
        expect(sectionSize({ a, b })).toBe(sectionSize({ a }) + sectionSize({ b }));
        expect(sectionSize({ a: [a, b] })).toBe(sectionSize({ a, b }) - 1);
      }),
    );
  });
});

describe("checkSize", () => {
  it("T28: accepts 32767 bytes of reported properties and refuses 32768", () => {
    expect(sectionSize(eightStrings(4079))).toBe(32_767);
    expect(() => checkSize("Properties.Reported", eightStrings(4079))).not.toThrow();
    expect(() => checkSize("Properties.Reported", eightStrings(4080))).toThrow(
      tooLarge("'Properties.Reported' size should be less than 32768 bytes."),
    );
  });

  it("T29: does not go by the length of the JSON text", () => {
    expect(JSON.stringify(eightStrings(4079)).length).toBeGreaterThan(32_768);
    expect(() => checkSize("Properties.Desired", eightStrings(4079))).not.toThrow();
  });

  it("T30: accepts 8191 bytes of tags and refuses 8192", () => {
    const tags = (length: number) => ({ t1: "x".repeat(4096), t2: "x".repeat(length) });
    expect(() => checkSize("Tags", tags(4091))).not.toThrow();
    expect(() => checkSize("Tags", tags(4092))).toThrow(
      tooLarge("'Tags' size should be less than 8192 bytes."),
    );
  });

  it("bounds what the formula does not count: control characters and empty elements", () => {
    const empty = (count: number): JsonObject => ({ a: Array.from({ length: count }, () => []) });
    expect(() => checkSize("Properties.Reported", empty(maxUncounted))).not.toThrow();
    expect(() => checkSize("Properties.Reported", empty(maxUncounted + 1))).toThrow(
      tooLarge(
        "'Properties.Reported' should hold maximum 65536 control characters and array elements.",
      ),
    );
    const control: JsonObject = { a: "\u0001".repeat(maxUncounted), b: "\u0001" };
    expect(() => checkSize("Properties.Reported", control)).toThrow();
  });
});
