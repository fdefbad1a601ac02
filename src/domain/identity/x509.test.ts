import { describe, expect, it } from "vitest";
import { certificateSubject, isValidAt } from "./x509.ts";

/** Made with openssl; valid from 2026-11-23T04:42:22Z to 2126-10-30T04:42:22Z. */
const certificates = {
  "CN=c1":
    "MIHCMHYCAQEwBQYDK2VwMA0xCzAJBgNVBAMMAmMxMCAXDTI2MTEyMzA0NDIyMloYDzIxMjYxMDMwMDQ0MjIyWjANMQswCQYDVQQDDAJjMTAqMAUGAytlcAMhAPOJBQPb5d7mXKCiJVUN9lxUnNeM4kQBfWLfL2USSAG0MAUGAytlcANBAMhMGBSF/bi7U6hvnsXoPCQrDcmijoV4+jCvIYg/puCz+Sz6cINCFoxQa7FD0n0cgoh41v616ha/oCmd0gVpbgw=",
  "O=Example, CN=dev1/mod1":
    "MIH1MIGoAgEBMAUGAytlcDAmMRAwDgYDVQQKDAdFeGFtcGxlMRIwEAYDVQQDDAlkZXYxL21vZDEwIBcNMjYxMTIzMDQ0MjIyWhgPMjEyNjEwMzAwNDQyMjJaMCYxEDAOBgNVBAoMB0V4YW1wbGUxEjAQBgNVBAMMCWRldjEvbW9kMTAqMAUGAytlcAMhAHX1YY3XF9nmY3bWVQIJSBojBvBHUwlbog3hTpjhPbh5MAUGAytlcANBABiNNTndSXHVxRuMClYdeCjKcG5ItYte7Tp1/FD5vqnFk7cykPaBf6Y3s+7r1FGpsQZON0asIjdCxqQYmOQ0igM=",
  "CN=dev1, CN=dev2":
    "MIHlMIGYAgEBMAUGAytlcDAeMQ0wCwYDVQQDDARkZXYxMQ0wCwYDVQQDDARkZXYyMCAXDTI2MTEyMzA0NDIyMloYDzIxMjYxMDMwMDQ0MjIyWjAeMQ0wCwYDVQQDDARkZXYxMQ0wCwYDVQQDDARkZXYyMCowBQYDK2VwAyEAXuxlfGN8yXZ8tcCEAPxSNqCNvhEH17eVrnC6vGroO1IwBQYDK2VwA0EAGkNBbU2MrFdttBRNb8N9HAbS5s8kcrEdgKjbpVg5lEtOw061/2ThKTfIlIZBcXKOK6blxODFftwmLAte3gR/BQ==",
  "O=Example":
    "MIHNMIGAAgEBMAUGAytlcDASMRAwDgYDVQQKDAdFeGFtcGxlMCAXDTI2MTEyMzA0NDIyMloYDzIxMjYxMDMwMDQ0MjIyWjASMRAwDgYDVQQKDAdFeGFtcGxlMCowBQYDK2VwAyEAvidUd5SurZ5Vhgj8oMhcPGXsILhLJAgr21VqC3zCP7UwBQYDK2VwA0EAymGRYMBBnpb1xYhqzre3LANBSc3Ziu5vTUNIAMPD6pXSsBqd6Dzd6DUTbjiqaiDil5i8OW5oBtDu/GBpDpRBBg==",
  "CN=a\\, CN=b":
    "MIHNMIGAAgEBMAUGAytlcDASMRAwDgYDVQQDDAdhLCBDTj1iMCAXDTI2MTEyMzA0NDIyMloYDzIxMjYxMDMwMDQ0MjIyWjASMRAwDgYDVQQDDAdhLCBDTj1iMCowBQYDK2VwAyEAiajr3ipGgY6rdR6igez08PjB9g8EscU3VutpdstMyJcwBQYDK2VwA0EALeQ3zh/C0oSchM09sEZTm6RPLDQFQwAZ2665OyUAD5zbEHASgDix4FzqmryaAyngYEABcM+mbmBUjOaLwHHeDg==",
};

function der(subject: keyof typeof certificates): Uint8Array {
  return Buffer.from(certificates[subject], "base64");
}

describe("the common name of a certificate", () => {
  it.each([
    ["CN=c1", "c1"],
    ["O=Example, CN=dev1/mod1", "dev1/mod1"],
    ["CN=a\\, CN=b", "a, CN=b"],
  ] as const)("A26, A28: of %s is %s", (subject, commonName) => {
    expect(certificateSubject(der(subject))).toEqual({ commonName });
  });

  it.each(["CN=dev1, CN=dev2", "O=Example"] as const)("A26: of %s is nobody's", (subject) => {
    expect(certificateSubject(der(subject))).toEqual({ commonName: "" });
  });

  it("of something else is nobody's", () => {
    expect(certificateSubject(Buffer.from("no certificate"))).toEqual({ commonName: "" });
  });
});

describe("a certificate", () => {
  const first = Date.UTC(2026, 10, 23, 4, 42, 22);
  const last = Date.UTC(2126, 9, 30, 4, 42, 22);

  it("A25: is valid from its first to its last moment", () => {
    for (const subject of ["CN=c1", "O=Example, CN=dev1/mod1"] as const) {
      const times = [first - 1, first, last, last + 1];
      expect(times.map((now) => isValidAt(der(subject), now))).toEqual([false, true, true, false]);
    }
  });

  it("that is none is never valid", () => {
    expect(isValidAt(new Uint8Array(0), first)).toBe(false);
  });
});
