import { createHmac, timingSafeEqual } from "node:crypto";
import type { Milliseconds } from "../time.ts";
import type { SasToken } from "./credentials.ts";

/** How long after its expiry a token still counts, because clocks differ (spec/semantics §7.1). */
export const maxClockSkew: Milliseconds = 300_000;

/** Two symmetric keys, each Base64. */
export interface KeyPair {
  readonly primary: string;
  readonly secondary: string;
}

/** The signature over `sr` and `se` as they stand in a token: Base64 of HMAC-SHA256 (spec/semantics §7.1). */
export function signSas(rawResource: string, rawExpiry: string, key: string): string {
  return sign(rawResource, rawExpiry, Buffer.from(key, "base64"));
}

/** The same by clients of Event Hubs, which take the text of the key for the key (spec/amqp §5.1). */
export function signSasByKeyText(rawResource: string, rawExpiry: string, key: string): string {
  return sign(rawResource, rawExpiry, Buffer.from(key, "utf8"));
}

function sign(rawResource: string, rawExpiry: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(`${rawResource}\n${rawExpiry}`).digest("base64");
}

/**
 * Which of the two keys signed the token, or `null`: neither did, or it expired more than `skew` before `now`.
 * Takes as long for `noKeys` as for keys that did not sign it. Says nothing about the audience: see `audience.ts`.
 */
export function verifySas(
  token: SasToken,
  keys: KeyPair,
  now: Milliseconds,
  skew: Milliseconds,
): "primary" | "secondary" | null {
  const key = provenKeys.get(token);
  if (key === undefined || !isOneOf(key, keys)) {
    const which = verify(signSas, token, keys, now, skew);
    if (which !== null) provenKeys.set(token, keys[which]);
    return which;
  }
  if (!isInTime(token, now, skew)) return null;
  return key === keys.primary ? "primary" : "secondary";
}

/**
 * The key that a token was found to be signed with, for callers that show the same token again: whether that key is one
 * of theirs now and whether the token is in time is asked each time, so that a changed or deleted key counts at once.
 */
const provenKeys = new WeakMap<SasToken, string>();

function isOneOf(key: string, { primary, secondary }: KeyPair): boolean {
  return key !== "" && (key === primary || key === secondary);
}

/** The same for a token that a client of Event Hubs has signed with the text of the key (spec/amqp §5.1). */
export function verifySasByKeyText(
  token: SasToken,
  keys: KeyPair,
  now: Milliseconds,
  skew: Milliseconds,
): "primary" | "secondary" | null {
  return verify(signSasByKeyText, token, keys, now, skew);
}

/**
 * True if the token is for a resource as clients of Event Hubs name it: with the scheme `sb` or `amqps`. Clients of IoT
 * Hub write none (spec/amqp §5.1).
 */
export function isEventHubsResource(rawResource: string): boolean {
  return /^(?:sb|amqps?)(?::|%3a)/i.test(rawResource);
}

function verify(
  signer: typeof signSas,
  token: SasToken,
  keys: KeyPair,
  now: Milliseconds,
  skew: Milliseconds,
): "primary" | "secondary" | null {
  // Who is refused waits for both; whom the first key proves needs no second one.
  const primary = isSignedWith(signer, token, keys.primary);
  const secondary = !primary && isSignedWith(signer, token, keys.secondary);
  if (!isInTime(token, now, skew)) return null;
  if (primary) return "primary";
  return secondary ? "secondary" : null;
}

/** Written so that an expiry that is not a number counts as past. */
function isInTime(token: SasToken, now: Milliseconds, skew: Milliseconds): boolean {
  return token.expiry * 1000 + skew >= now;
}

/**
 * The keys of an identity or a policy that does not exist: they match nothing, at the same cost, so that the time of
 * a refusal does not tell which ids exist.
 */
export const noKeys: KeyPair = { primary: "", secondary: "" };

/**
 * Compares the Base64 texts, not their bytes: a text with other padding bits is another signature. Anyone can sign
 * with an empty key, so it never matches.
 */
function isSignedWith(signer: typeof signSas, token: SasToken, key: string): boolean {
  const expected = Buffer.from(signer(token.rawResource, token.rawExpiry, key));
  const shown = Buffer.from(token.signature);
  return key !== "" && expected.length === shown.length && timingSafeEqual(expected, shown);
}

export { audienceCovers, audienceIdentities, audienceIdentity, readAudience } from "./audience.ts";
