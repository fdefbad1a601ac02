import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressBytes, certificateNames, maxNames } from "./names.ts";
import { TlsError } from "./tls-error.ts";

describe("the names of a certificate", () => {
  it("are the given ones first, then loopback and the machine, each once", () => {
    expect(certificateNames(["hub.test", "LOCALHOST", "127.0.0.1"], "Box")).toEqual([
      "hub.test",
      "localhost",
      "127.0.0.1",
      "::1",
      "box",
    ]);
  });

  it("leave out the addresses that mean 'any'", () => {
    expect(certificateNames(["0.0.0.0", "::"], "box")).toEqual([
      "127.0.0.1",
      "::1",
      "localhost",
      "box",
    ]);
  });

  it("write an IPv6 address in one way, brackets and zone aside", () => {
    expect(certificateNames(["[2001:DB8:0:0:0:0:0:1]", "fe80::1%eth0"], "box").slice(0, 2)).toEqual(
      ["2001:db8::1", "fe80::1"],
    );
  });

  it("leave out a machine name that is no host name", () => {
    expect(certificateNames([], "my box")).toEqual(["127.0.0.1", "::1", "localhost"]);
  });

  it.each([
    "",
    "a b",
    "hub:443",
    "http://hub",
    "ä.test",
    "a..b",
    "-a.test",
    `${"a".repeat(250)}.test`,
  ])("refuse '%s'", (name) => {
    expect(() => certificateNames([name], "box")).toThrow(TlsError);
  });

  it("are bounded", () => {
    const many = Array.from({ length: maxNames }, (_, index) => `h${index}.test`);
    expect(() => certificateNames(many, "box")).toThrow(/at most 100 names, but 104/);
  });
});

describe("the bytes of an address", () => {
  it("are 4 for IPv4 and 16 for IPv6", () => {
    expect([...addressBytes("127.0.0.1")]).toEqual([127, 0, 0, 1]);
    expect(addressBytes("2001:db8::ff00:42:8329").toString("hex")).toBe(
      "20010db8000000000000ff0000428329",
    );
    expect(addressBytes("::").toString("hex")).toBe("0".repeat(32));
  });

  it("are those of every spelling of an IPv6 address", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const groups = Array.from({ length: 8 }, (_, index) =>
          buffer.readUInt16BE(index * 2).toString(16),
        );
        expect(addressBytes(groups.join(":"))).toEqual(buffer);
        expect(addressBytes(new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1))).toEqual(
          buffer,
        );
      }),
    );
  });
});
