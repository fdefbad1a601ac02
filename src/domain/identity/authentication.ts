import { argumentInvalid } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Authentication } from "./identity.ts";
import type { AuthenticationInput } from "./inputs.ts";

type Stored<T extends Authentication["type"]> = Extract<Authentication, { readonly type: T }>;

/** What the caller said: `undefined` for a missing or null member, `""` kept for keys, where it asks for new ones. */
interface Given {
  readonly type: Authentication["type"] | undefined;
  readonly primaryKey: string | undefined;
  readonly secondaryKey: string | undefined;
  readonly primaryThumbprint: string | null;
  readonly secondaryThumbprint: string | null;
}

/**
 * The authentication that an identity has after a write (spec/semantics §2.3).
 *
 * `stored` is what it has now, `undefined` for a new identity; `newKey` makes a Base64 key of 32 bytes and is
 * called only when keys are to be generated: none given for a new or newly symmetric identity, or both `""`.
 * What an update leaves out stays as it is. Throws ArgumentInvalid for half a pair of keys, for keys that are
 * not Base64 of 16 to 64 bytes, for malformed thumbprints, and for material that the type does not use.
 */
export function resolveAuthentication(
  input: AuthenticationInput | null | undefined,
  stored: Authentication | undefined,
  newKey: () => string,
): Authentication {
  const given = read(input);
  const type = given.type ?? inferType(given, stored);
  refuseStrayMaterial(type, given);
  switch (type) {
    case "sas":
      return resolveKeys(given, stored, newKey);
    case "selfSigned":
      return resolveThumbprints(given, stored);
    case "certificateAuthority":
    case "none":
      return { type };
  }
}

/** The document form: all three members always, with nulls for what the type does not use (spec/rest §8.1). */
export function authenticationView(authentication: Authentication): JsonObject {
  const sas = authentication.type === "sas" ? authentication : undefined;
  const selfSigned = authentication.type === "selfSigned" ? authentication : undefined;
  return {
    symmetricKey: {
      primaryKey: sas?.primaryKey ?? null,
      secondaryKey: sas?.secondaryKey ?? null,
    },
    x509Thumbprint: {
      primaryThumbprint: selfSigned?.primaryThumbprint ?? null,
      secondaryThumbprint: selfSigned?.secondaryThumbprint ?? null,
    },
    type: authentication.type,
  };
}

function read(input: AuthenticationInput | null | undefined): Given {
  const keys = input?.symmetricKey;
  const thumbprints = input?.x509Thumbprint;
  return {
    type: readType(input?.type),
    primaryKey: keys?.primaryKey ?? undefined,
    secondaryKey: keys?.secondaryKey ?? undefined,
    primaryThumbprint: thumbprints?.primaryThumbprint || null,
    secondaryThumbprint: thumbprints?.secondaryThumbprint || null,
  };
}

function readType(type: string | null | undefined): Authentication["type"] | undefined {
  switch (type) {
    case null:
    case undefined:
      return undefined;
    case "sas":
    case "selfSigned":
    case "certificateAuthority":
    case "none":
      return type;
    default:
      throw argumentInvalid(
        "authentication.type must be sas, selfSigned, certificateAuthority or none",
      );
  }
}

function inferType(given: Given, stored: Authentication | undefined): Authentication["type"] {
  if (hasThumbprint(given)) return "selfSigned";
  if (given.primaryKey !== undefined || given.secondaryKey !== undefined) return "sas";
  return stored?.type ?? "sas";
}

/** A key or thumbprint that would be dropped without a word is a mistake of the caller. */
function refuseStrayMaterial(type: Authentication["type"], given: Given): void {
  const keys = Boolean(given.primaryKey) || Boolean(given.secondaryKey);
  const thumbprints = hasThumbprint(given);
  if (keys && thumbprints) {
    throw argumentInvalid("authentication has both symmetric keys and X.509 thumbprints");
  }
  if (keys && type !== "sas") {
    throw argumentInvalid(`authentication of type ${type} takes no symmetric keys`);
  }
  if (thumbprints && type !== "selfSigned") {
    throw argumentInvalid(`authentication of type ${type} takes no X.509 thumbprints`);
  }
}

function hasThumbprint(given: Given): boolean {
  return given.primaryThumbprint !== null || given.secondaryThumbprint !== null;
}

function resolveKeys(
  { primaryKey, secondaryKey }: Given,
  stored: Authentication | undefined,
  newKey: () => string,
): Stored<"sas"> {
  if (primaryKey && secondaryKey) {
    checkSymmetricKey("primaryKey", primaryKey);
    checkSymmetricKey("secondaryKey", secondaryKey);
    return { type: "sas", primaryKey, secondaryKey };
  }
  if (primaryKey || secondaryKey) throw halfPair();
  if (stored?.type === "sas") {
    if (primaryKey === undefined && secondaryKey === undefined) return stored;
    // One "" alone does not say which keys are to go.
    if (primaryKey !== secondaryKey) throw halfPair();
  }
  return { type: "sas", primaryKey: newKey(), secondaryKey: newKey() };
}

function halfPair(): Error {
  return argumentInvalid("symmetricKey needs both primaryKey and secondaryKey, or neither");
}

const minKeyBytes = 16;
const maxKeyBytes = 64;
const maxKeyCharacters = Math.ceil(maxKeyBytes / 3) * 4;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** True for Base64 of 16 to 64 bytes. */
export function isKey(key: string): boolean {
  if (key.length > maxKeyCharacters || !base64.test(key)) return false;
  const bytes = Buffer.byteLength(key, "base64");
  return bytes >= minKeyBytes && bytes <= maxKeyBytes;
}

function checkSymmetricKey(name: string, key: string): void {
  if (isKey(key)) return;
  throw argumentInvalid(
    `symmetricKey.${name} must be Base64 of ${minKeyBytes} to ${maxKeyBytes} bytes`,
  );
}

function resolveThumbprints(
  given: Given,
  stored: Authentication | undefined,
): Stored<"selfSigned"> {
  const { primaryThumbprint, secondaryThumbprint } = given;
  if (!hasThumbprint(given)) {
    if (stored?.type === "selfSigned") return stored;
    throw argumentInvalid("authentication of type selfSigned needs an X.509 thumbprint");
  }
  checkThumbprint("primaryThumbprint", primaryThumbprint);
  checkThumbprint("secondaryThumbprint", secondaryThumbprint);
  if (
    primaryThumbprint !== null &&
    secondaryThumbprint !== null &&
    primaryThumbprint.length !== secondaryThumbprint.length
  ) {
    throw argumentInvalid("x509Thumbprint has thumbprints of different lengths");
  }
  return { type: "selfSigned", primaryThumbprint, secondaryThumbprint };
}

const thumbprint = /^(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/;

function checkThumbprint(name: string, value: string | null): void {
  if (value === null || thumbprint.test(value)) return;
  throw argumentInvalid(
    `x509Thumbprint.${name} must have 40 (SHA-1) or 64 (SHA-256) hexadecimal digits`,
  );
}
