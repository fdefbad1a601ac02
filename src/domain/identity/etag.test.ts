import { describe, expect, it } from "vitest";
import {
  anyEtag,
  identityEtag,
  meansExisting,
  noPrecondition,
  parsePrecondition,
  satisfies,
  twinEtag,
} from "./etag.ts";

describe("etags", () => {
  it("of identities are Base64 of a decimal number", () => {
    expect(identityEtag(8815808)).toBe("ODgxNTgwOA==");
    expect(identityEtag(234404404)).toBe("MjM0NDA0NDA0");
    expect(identityEtag(0)).toBe("MA==");
  });

  it("of twins are Base64 of eight bytes", () => {
    expect(twinEtag(1)).toBe("AAAAAAAAAAE=");
    expect(twinEtag(256)).toBe("AAAAAAAAAQA=");
    for (const counter of [2 ** 32 - 1, 2 ** 32, 2 ** 40 + 2 ** 31 + 9, Number.MAX_SAFE_INTEGER]) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(counter));
      expect(twinEtag(counter)).toBe(bytes.toString("base64"));
    }
  });
});

describe("If-Match", () => {
  it.each([undefined, "", "  "])("%j demands nothing", (header) => {
    expect(parsePrecondition(header)).toEqual(noPrecondition);
  });

  it.each(["*", '"*"', ' "*" ', 'W/"*"'])("%j means whatever is there", (header) => {
    expect(parsePrecondition(header)).toEqual(anyEtag);
  });

  it.each(['"MA=="', 'W/"MA=="'])("%s must match (R10, R27)", (header) => {
    const precondition = parsePrecondition(header);
    expect(precondition).toEqual({ kind: "etag", etag: "MA==" });
    expect(satisfies(precondition, "MA==")).toBe(true);
    expect(satisfies(precondition, "MQ==")).toBe(false);
  });

  it("without quotes counts only if it is the current etag", () => {
    const precondition = parsePrecondition("MA==");
    expect(precondition).toEqual({ kind: "unquoted", etag: "MA==" });
    expect(satisfies(precondition, "MQ==")).toBe(true);
    expect(meansExisting(precondition, "MA==")).toBe(true);
    expect(meansExisting(precondition, "MQ==")).toBe(false);
  });

  it("tells an update from a creation (R02, R12)", () => {
    expect(meansExisting(noPrecondition, "MA==")).toBe(false);
    expect(meansExisting(anyEtag, undefined)).toBe(true);
    expect(meansExisting(parsePrecondition('"MA=="'), undefined)).toBe(true);
  });
});
