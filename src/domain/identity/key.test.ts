import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import { type IdentityKey, checkKey, checkSameId, keyText, parseKeyText, sameKey } from "./key.ts";

const letters = "ABCXYZabcxyz0189-:.+%_#*?!(),=@;$'";
const id = fc.string({ unit: fc.constantFrom(...letters.split("")), minLength: 1, maxLength: 128 });

function refusal(key: IdentityKey): HubError | undefined {
  try {
    checkKey(key);
    return undefined;
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
}

describe("ids", () => {
  it.each(["a", "a".repeat(128), "a-b.c+d%e_f#g*h?i!j(k)l,m=n@o$p'q", "d:1;x", "$edgeAgent"])(
    "R04, R06: takes %s for a device and for a module",
    (text) => {
      expect(refusal({ deviceId: text })).toBeUndefined();
      expect(refusal({ deviceId: "d1", moduleId: text })).toBeUndefined();
    },
  );

  it.each(["", "a".repeat(129), "invalid/name", "a b", "ä", "a\n", 'a"b', "a\\b", "a&b"])(
    "R04, R05: refuses %j for a device and for a module with ArgumentInvalid",
    (text) => {
      for (const key of [{ deviceId: text }, { deviceId: "d1", moduleId: text }]) {
        expect(refusal(key)?.number).toBe(400004);
        expect(refusal(key)?.message).not.toContain(";");
      }
    },
  );

  it("R03: are compared with regard to case", () => {
    expect(sameKey({ deviceId: "d1" }, { deviceId: "D1" })).toBe(false);
    expect(sameKey({ deviceId: "d1", moduleId: "m" }, { deviceId: "d1", moduleId: "M" })).toBe(
      false,
    );
  });

  it("have one text per device or module", () => {
    fc.assert(
      fc.property(id, fc.option(id, { nil: undefined }), (deviceId, moduleId) => {
        const key = { deviceId, moduleId };
        expect(sameKey(parseKeyText(keyText(key)), key)).toBe(true);
      }),
    );
  });

  it("in a body may be left out, but may not contradict the address", () => {
    expect(() => {
      checkSameId("moduleId", undefined, "m1");
      checkSameId("moduleId", null, "m1");
      checkSameId("moduleId", "m1", "m1");
    }).not.toThrow();
    expect(() => checkSameId("moduleId", "M1", "m1")).toThrow("moduleId in the body");
    expect(() => checkSameId("deviceId", "", "d1")).toThrow("deviceId in the body");
  });
});
