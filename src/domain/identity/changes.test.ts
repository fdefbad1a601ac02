import { describe, expect, it } from "vitest";
import { credentialsChanged, nextEtag } from "./changes.ts";
import type { Authentication, Device, Module } from "./identity.ts";

function device(authentication: Authentication): Device {
  return {
    deviceId: "d1",
    generationId: "1",
    etagNumber: 1,
    authentication,
    status: "enabled",
    statusReason: null,
    statusUpdatedTime: 0,
    iotEdge: false,
    deviceScope: null,
    parentScopes: [],
  };
}

function module(authentication: Authentication): Module {
  return {
    deviceId: "d1",
    moduleId: "m1",
    generationId: "1",
    etagNumber: 1,
    authentication,
    managedBy: null,
  };
}

function sas(primaryKey: string, secondaryKey: string): Authentication {
  return { type: "sas", primaryKey, secondaryKey };
}

function x509(
  primaryThumbprint: string | null,
  secondaryThumbprint: string | null,
): Authentication {
  return { type: "selfSigned", primaryThumbprint, secondaryThumbprint };
}

describe.each([
  ["device", device],
  ["module", module],
] as const)("the credentials of a %s", (_, identity) => {
  it.each([
    ["a new primary key", sas("a", "b"), sas("c", "b")],
    ["a new secondary key", sas("a", "b"), sas("a", "c")],
    ["a new thumbprint", x509("AA", null), x509("BB", null)],
    ["a second thumbprint", x509("AA", null), x509("AA", "BB")],
    ["another type", sas("a", "b"), { type: "certificateAuthority" }],
    ["no credential any more", sas("a", "b"), { type: "none" }],
  ] as const)("A35: changed with %s", (_what, before, after) => {
    expect(credentialsChanged(identity(before), identity(after))).toBe(true);
    expect(credentialsChanged(identity(after), identity(before))).toBe(true);
  });

  it.each([
    ["swapped keys", sas("a", "b"), sas("b", "a")],
    ["swapped thumbprints", x509("AA", "BB"), x509("BB", "AA")],
    ["a thumbprint in other case", x509("aa", null), x509("AA", null)],
    ["nothing", { type: "certificateAuthority" }, { type: "certificateAuthority" }],
  ] as const)("did not change with %s", (_what, before, after) => {
    expect(credentialsChanged(identity(before), identity(after))).toBe(false);
  });

  it("did not change with other members", () => {
    const before = identity(sas("a", "b"));
    expect(credentialsChanged(before, { ...before, etagNumber: 2 })).toBe(false);
  });
});

describe("an identity's etag number", () => {
  it("rises with every write, from any start", () => {
    expect(nextEtag(1)).toBe(2);
    expect(nextEtag(2 ** 32 - 1)).toBe(2 ** 32);
  });
});
