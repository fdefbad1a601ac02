import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import { authenticationView, resolveAuthentication } from "./authentication.ts";
import type { Authentication } from "./identity.ts";
import type { AuthenticationInput } from "./inputs.ts";

const sha1 = "0123456789abcdefABCDEF0123456789abcdef01";
const sha256 = "0123456789abcdef".repeat(4);

/** Base64 of `length` bytes of `fill`. */
function keyOf(length: number, fill = 7): string {
  return Buffer.alloc(length, fill).toString("base64");
}

const stored: Authentication = {
  type: "sas",
  primaryKey: keyOf(32, 1),
  secondaryKey: keyOf(32, 2),
};
const selfSigned: Authentication = {
  type: "selfSigned",
  primaryThumbprint: sha1,
  secondaryThumbprint: null,
};

function maker(): () => string {
  let made = 100;
  return () => keyOf(32, made++);
}

function resolve(
  input: AuthenticationInput | null | undefined,
  before?: Authentication,
): Authentication {
  return resolveAuthentication(input, before, maker());
}

function refused(input: AuthenticationInput, before?: Authentication): HubError {
  try {
    resolve(input, before);
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

function keys(primaryKey: string | null, secondaryKey: string | null): AuthenticationInput {
  return { symmetricKey: { primaryKey, secondaryKey } };
}

function prints(
  primaryThumbprint: string | null,
  secondaryThumbprint: string | null,
): AuthenticationInput {
  return { x509Thumbprint: { primaryThumbprint, secondaryThumbprint } };
}

const generated = { type: "sas", primaryKey: keyOf(32, 100), secondaryKey: keyOf(32, 101) };

describe("the authentication of a new identity", () => {
  it.each([
    ["nothing", undefined],
    ["null", null],
    ["an empty object", {}],
    ["sas alone", { type: "sas" }],
    ["empty keys, as Node and Python send them", { type: "sas", ...keys("", "") }],
    [
      "null members, as .NET sends them",
      { type: "sas", ...keys(null, null), ...prints(null, null) },
    ],
    ["an empty key object, as the Azure CLI sends it", { type: "sas", symmetricKey: {} }],
  ])("R01: from %s is two generated keys", (_, input) => {
    expect(resolve(input)).toEqual(generated);
  });

  it("takes given keys", () => {
    expect(resolve({ type: "sas", ...keys(keyOf(36), keyOf(36, 8)) })).toEqual({
      type: "sas",
      primaryKey: keyOf(36),
      secondaryKey: keyOf(36, 8),
    });
  });

  it("takes equal keys", () => {
    expect(resolve(keys(keyOf(32), keyOf(32))).type).toBe("sas");
  });

  it("R07: needs both keys or neither", () => {
    expect(refused(keys(keyOf(32), null)).number).toBe(400004);
    expect(refused(keys(null, keyOf(32))).number).toBe(400004);
    expect(refused(keys(keyOf(32), "")).number).toBe(400004);
  });

  it.each([16, 64])("R08: takes keys of %i bytes", (length) => {
    expect(resolve(keys(keyOf(length), keyOf(length)))).toMatchObject({ type: "sas" });
  });

  it.each([
    "abc",
    keyOf(15),
    keyOf(65),
    "!".repeat(44),
    `${keyOf(32)}=`,
    ` ${keyOf(32)}`,
    "abcd_-8=".repeat(4),
  ])("R08: refuses the key %j, and does not repeat it", (key) => {
    const error = refused(keys(keyOf(32), key));
    expect(error.number).toBe(400004);
    expect(error.message).toContain("secondaryKey");
    expect(error.message).not.toContain(key);
  });

  it("R13: takes one thumbprint", () => {
    expect(resolve({ type: "selfSigned", ...keys(null, null), ...prints(sha1, null) })).toEqual({
      type: "selfSigned",
      primaryThumbprint: sha1,
      secondaryThumbprint: null,
    });
    expect(resolve({ type: "selfSigned", ...prints(null, sha256) })).toMatchObject({
      secondaryThumbprint: sha256,
    });
  });

  it("R14: refuses thumbprints of different or wrong lengths", () => {
    expect(refused(prints(sha1, sha256)).number).toBe(400004);
    expect(refused(prints(sha1.slice(1), null)).number).toBe(400004);
    expect(refused(prints(`${sha1.slice(1)}g`, null)).number).toBe(400004);
  });

  it("refuses selfSigned without a thumbprint", () => {
    expect(refused({ type: "selfSigned", ...prints(null, "") }).message).toContain("thumbprint");
  });

  it("R15: stores nothing for certificateAuthority and for none", () => {
    expect(
      resolve({ type: "certificateAuthority", ...keys("", ""), ...prints(null, null) }),
    ).toEqual({ type: "certificateAuthority" });
    expect(resolve({ type: "none" })).toEqual({ type: "none" });
  });

  it("R16: refuses keys together with thumbprints", () => {
    const both = { ...keys(keyOf(32), keyOf(32)), ...prints(sha1, null) };
    for (const type of ["sas", "selfSigned", undefined]) {
      expect(refused({ type, ...both }).number).toBe(400004);
    }
  });

  it("refuses what the stated type does not use", () => {
    expect(refused({ type: "sas", ...prints(sha1, null) }).number).toBe(400004);
    expect(refused({ type: "selfSigned", ...keys(keyOf(32), keyOf(32)) }).number).toBe(400004);
    expect(refused({ type: "certificateAuthority", ...prints(sha1, null) }).number).toBe(400004);
  });

  it("infers a missing type", () => {
    expect(resolve(prints(sha256, null)).type).toBe("selfSigned");
    expect(resolve(keys(keyOf(16), keyOf(16))).type).toBe("sas");
  });

  it("refuses an unknown type", () => {
    expect(refused({ type: "SAS" }).message).toContain("certificateAuthority");
  });
});

describe("the authentication after an update", () => {
  it("R09: has new keys if both were empty", () => {
    expect(resolve({ type: "sas", ...keys("", "") }, stored)).toEqual(generated);
  });

  it.each([
    ["nothing", undefined],
    ["sas alone", { type: "sas" }],
    ["null keys", { type: "sas", ...keys(null, null) }],
  ])("keeps the keys if %s is said", (_, input) => {
    expect(resolve(input, stored)).toEqual(stored);
  });

  it("refuses one empty key beside none", () => {
    expect(refused(keys("", null), stored).number).toBe(400004);
  });

  it("R31: has swapped keys", () => {
    expect(resolve(keys(keyOf(32, 2), keyOf(32, 1)), stored)).toEqual({
      type: "sas",
      primaryKey: keyOf(32, 2),
      secondaryKey: keyOf(32, 1),
    });
  });

  it("keeps thumbprints, or replaces both", () => {
    expect(resolve({ type: "selfSigned" }, selfSigned)).toEqual(selfSigned);
    expect(resolve(prints(null, sha256), selfSigned)).toMatchObject({
      primaryThumbprint: null,
      secondaryThumbprint: sha256,
    });
  });

  it("may have another type", () => {
    expect(resolve({ type: "sas" }, selfSigned)).toEqual(generated);
    expect(resolve(prints(sha1, null), stored).type).toBe("selfSigned");
    expect(resolve({ type: "certificateAuthority" }, stored).type).toBe("certificateAuthority");
    expect(resolve(undefined, { type: "none" }).type).toBe("none");
  });
});

const hex = fc.constantFrom(..."0123456789abcdefABCDEF".split(""));
const key = fc
  .uint8Array({ minLength: 16, maxLength: 64 })
  .map((b) => Buffer.from(b).toString("base64"));
const thumbprints = fc.constantFrom(40, 64).chain((length) => {
  const thumbprint = fc.option(fc.string({ unit: hex, minLength: length, maxLength: length }));
  return fc.tuple(thumbprint, thumbprint).filter(([a, b]) => a !== null || b !== null);
});

const anyAuthentication: fc.Arbitrary<Authentication> = fc.oneof(
  fc.record({ type: fc.constant("sas" as const), primaryKey: key, secondaryKey: key }),
  thumbprints.map(([primaryThumbprint, secondaryThumbprint]) => ({
    type: "selfSigned" as const,
    primaryThumbprint,
    secondaryThumbprint,
  })),
  fc.constantFrom<Authentication>({ type: "certificateAuthority" }, { type: "none" }),
);

describe("the authentication that the service prints", () => {
  it("has nulls for what the type does not use (R13, R15)", () => {
    expect(JSON.stringify(authenticationView(selfSigned))).toBe(
      `{"symmetricKey":{"primaryKey":null,"secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":"${sha1}","secondaryThumbprint":null},"type":"selfSigned"}`,
    );
    expect(authenticationView({ type: "certificateAuthority" })).toEqual({
      symmetricKey: { primaryKey: null, secondaryKey: null },
      x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
      type: "certificateAuthority",
    });
  });

  it("R11: says the same when it is sent back, over the same identity or over any other", () => {
    fc.assert(
      fc.property(
        anyAuthentication,
        fc.option(anyAuthentication, { nil: undefined }),
        (a, other) => {
          const printed = authenticationView(a) as AuthenticationInput;
          expect(resolve(printed, a)).toEqual(a);
          expect(resolve(printed, other)).toEqual(a);
        },
      ),
    );
  });
});
