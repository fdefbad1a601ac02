import { describe, expect, it } from "vitest";
import { parseTwinObject } from "./parse.ts";

function refusedWith(text: string) {
  return expect.objectContaining({
    name: "ArgumentInvalid",
    message: expect.stringContaining(text) as string,
  }) as Error;
}

describe("parseTwinObject", () => {
  it.each(["5", "[1]", "null", '"a"', "{", "", "{a:1}", "\u0000"])(
    "T53: refuses %j, which is not a JSON object",
    (text) => {
      expect(() => parseTwinObject(text)).toThrow(refusedWith("should be a JSON object"));
    },
  );

  it("T24: accepts integers from -2^52 to 2^52-1 and refuses the next ones, naming the path", () => {
    const text = '{"a":4503599627370495,"b":-4503599627370496}';
    expect(parseTwinObject(text)).toEqual({ a: 4503599627370495, b: -4503599627370496 });
    for (const literal of ["4503599627370496", "-4503599627370497", "9".repeat(400)]) {
      expect(() => parseTwinObject(`{"a":[{"b":1},{"c d":{"e":${literal}}}]}`)).toThrow(
        refusedWith("Error in Property/Tag a[1].c d.e"),
      );
    }
  });

  it("T25: accepts floats of any size, integral values among them", () => {
    const text = '{"a":1.5,"b":1e300,"c":-0.0,"d":4503599627370496.0,"e":45035996273704960e-1}';
    expect(parseTwinObject(text)).toEqual({
      a: 1.5,
      b: 1e300,
      c: -0,
      d: 4503599627370496,
      e: 4503599627370496,
    });
  });

  it("refuses numbers that a double cannot hold", () => {
    for (const literal of ["1e309", "-1E+400", `${"9".repeat(310)}.0`]) {
      expect(() => parseTwinObject(`{"x":${literal}}`)).toThrow(refusedWith("finite"));
    }
  });

  it("refuses a number of more than 4096 characters", () => {
    expect(parseTwinObject(`{"x":0.${"1".repeat(4094)}}`)).toHaveProperty("x");
    expect(() => parseTwinObject(`{"x":0.${"1".repeat(4095)}}`)).toThrow(refusedWith("4096"));
  });

  it("takes digits inside strings and keys for text", () => {
    const object = { "9999999999999999": 'a\\" 1e999', b: '\\",9999999999999999,"', c: "e999\\" };
    expect(parseTwinObject(JSON.stringify(object))).toEqual(object);
  });

  it("keeps the last of two equal keys", () => {
    expect(parseTwinObject('{"a":1,"a":2}')).toEqual({ a: 2 });
  });

  it("keeps __proto__ as an ordinary key", () => {
    const object = parseTwinObject('{"__proto__":{"x":1}}');
    expect(Object.keys(object)).toEqual(["__proto__"]);
    expect("x" in object).toBe(false);
  });

  it("reads deep nesting without running out of stack", () => {
    const depth = 60_000;
    const text = `{"a":${"[".repeat(depth)}9999999999999999${"]".repeat(depth)}}`;
    expect(() => parseTwinObject(text)).toThrow(refusedWith("Error in Property/Tag a[0][0]"));
  });
});
