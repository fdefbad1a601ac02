import type { Authentication, Identity } from "./identity.ts";

/**
 * True if an identity no longer proves itself with the same credentials: another type, or another set of keys or
 * thumbprints. Swapping primary and secondary changes neither, since both still open the door.
 */
export function credentialsChanged(before: Identity, after: Identity): boolean {
  const a = before.authentication;
  const b = after.authentication;
  return a.type !== b.type || secretsOf(a).join() !== secretsOf(b).join();
}

/** The etag number of the next write. Starts from 32 random bits, so it stays a safe integer. */
export function nextEtag(current: number): number {
  return current + 1;
}

function secretsOf(authentication: Authentication): readonly string[] {
  switch (authentication.type) {
    case "sas":
      return distinct([authentication.primaryKey, authentication.secondaryKey]);
    case "selfSigned":
      return distinct(
        [authentication.primaryThumbprint, authentication.secondaryThumbprint]
          .filter((thumbprint) => thumbprint !== null)
          .map((thumbprint) => thumbprint.toUpperCase()),
      );
    case "certificateAuthority":
    case "none":
      return [];
  }
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
