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
  return createHmac("sha256", Buffer.from(key, "base64"))
    .update(`${rawResource}\n${rawExpiry}`)
    .digest("base64");
}

/**
 * Which of the two keys signed the token, or `null`: neither did, or it expired more than `skew` before `now`.
 * Takes as long for a wrong key, and for `noKeys`, as for the right one. Says nothing about the audience: see `audience.ts`.
 */
export function verifySas(
  token: SasToken,
  keys: KeyPair,
  now: Milliseconds,
  skew: Milliseconds,
): "primary" | "secondary" | null {
  const primary = isSignedWith(token, keys.primary);
  const secondary = isSignedWith(token, keys.secondary);
  // Written so that an expiry that is not a number counts as past.
  if (!(token.expiry * 1000 + skew >= now)) return null;
  if (primary) return "primary";
  return secondary ? "secondary" : null;
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
function isSignedWith(token: SasToken, key: string): boolean {
  const expected = Buffer.from(signSas(token.rawResource, token.rawExpiry, key));
  const shown = Buffer.from(token.signature);
  return key !== "" && expected.length === shown.length && timingSafeEqual(expected, shown);
}

export { audienceCovers, audienceIdentities, audienceIdentity, readAudience } from "./audience.ts";
