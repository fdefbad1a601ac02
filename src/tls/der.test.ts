import { describe, expect, it } from "vitest";
import {
  bitString,
  explicit,
  implicit,
  objectIdentifier,
  octetString,
  sequence,
  time,
  unsigned,
  utf8String,
} from "./der.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("DER", () => {
  it("writes lengths in the short form below 128 and in the fewest octets above", () => {
    expect(hex(octetString(Buffer.alloc(127)).subarray(0, 2))).toBe("047f");
    expect(hex(octetString(Buffer.alloc(128)).subarray(0, 3))).toBe("048180");
    expect(hex(octetString(Buffer.alloc(256)).subarray(0, 4))).toBe("04820100");
  });

  it("writes integers in the fewest octets and never negative", () => {
    expect(hex(unsigned(Buffer.from([0])))).toBe("020100");
    expect(hex(unsigned(Buffer.from([0, 0, 5])))).toBe("020105");
    expect(hex(unsigned(Buffer.from([0x80])))).toBe("02020080");
  });

  it("writes object identifiers with arcs above 127", () => {
    expect(hex(objectIdentifier("1.2.840.10045.4.3.2"))).toBe("06082a8648ce3d040302");
    expect(hex(objectIdentifier("2.5.29.17"))).toBe("0603551d11");
  });

  it("writes years before 2050 with two digits and later ones with four", () => {
    const text = (year: number): string =>
      time(Date.UTC(year, 0, 2, 3, 4, 5, 678))
        .toString("latin1")
        .slice(2);
    expect(text(2049)).toBe("490102030405Z");
    expect(text(2050)).toBe("20500102030405Z");
    expect(time(Date.UTC(2049, 0))[0]).toBe(0x17);
    expect(time(Date.UTC(2050, 0))[0]).toBe(0x18);
  });

  it("nests", () => {
    const inner = sequence(utf8String("é"), bitString(Buffer.from([0x06]), 1));
    expect(hex(explicit(3, inner))).toBe("a30a30080c02c3a903020106");
    expect(hex(implicit(2, Buffer.from("a")))).toBe("820161");
  });
});
