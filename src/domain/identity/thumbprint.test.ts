import { describe, expect, it } from "vitest";
import type { Authentication } from "./identity.ts";
import { matchesThumbprint, thumbprints } from "./thumbprint.ts";

// A certificate with CN c1; the thumbprints are what `openssl x509 -fingerprint` prints.
const der = Buffer.from(
  "MIIBcDCCARWgAwIBAgIUMjfZVZl1qsqhrT+nOodWEb8PcYAwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCYzEwHhcNMjYxMTIzMDQ0MjA0WhcNMzYxMTIwMDQ0MjA0WjANMQswCQYDVQQDDAJjMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKqOAR8eDUyZl+nSypdJkg5J2FWIGTHClkU9k24epWMr4lCyFbDd0EqToKTYjPuO2gY2FN1kQxzWN89B/zi2Yb+jUzBRMB0GA1UdDgQWBBSCDIwyCZ7hNUA+1thLRFx5l04Z9TAfBgNVHSMEGDAWgBSCDIwyCZ7hNUA+1thLRFx5l04Z9TAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCG/AsReqRWy9bux40ewNQq806Vz63BZxB0mNZMf3rkBQIhAIL5ZDBNMHe0ntHRXQfGpt/W+rEvrMiGueHAp81oaq1P",
  "base64",
);
const sha1 = "41B0C8D158E951E8767C41AE5BE8D09A77601581";
const sha256 = "4E2D6BF92530B61DA861BD43D449899D04E27A4882E17856E5698BFE35707FFB";

function selfSigned(primary: string | null, secondary: string | null): Authentication {
  return { type: "selfSigned", primaryThumbprint: primary, secondaryThumbprint: secondary };
}

describe("thumbprints", () => {
  it("are those that openssl prints", () => {
    expect(thumbprints(der)).toEqual({ sha1, sha256 });
  });

  it.each([
    ["A24: primary SHA-256", selfSigned(sha256, null)],
    ["A24: primary SHA-1 in other case", selfSigned(sha1.toLowerCase(), null)],
    ["secondary SHA-256 in other case", selfSigned("0".repeat(64), sha256.toLowerCase())],
    ["secondary SHA-1 alone", selfSigned(null, sha1)],
  ])("%s: the certificate matches", (_, authentication) => {
    expect(matchesThumbprint(authentication, der)).toBe(true);
  });

  it.each([
    ["A25: other thumbprints", selfSigned("0".repeat(40), "1".repeat(40))],
    ["no thumbprints", selfSigned(null, null)],
    ["half a thumbprint", selfSigned(sha256.slice(0, 40), null)],
    ["keys", { type: "sas", primaryKey: sha1, secondaryKey: sha256 } as const],
    ["a certificate authority", { type: "certificateAuthority" } as const],
    ["nothing", { type: "none" } as const],
  ])("%s: the certificate does not match", (_, authentication) => {
    expect(matchesThumbprint(authentication, der)).toBe(false);
  });
});
