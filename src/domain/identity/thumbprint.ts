import { createHash } from "node:crypto";
import type { Authentication } from "./identity.ts";

export { isValidAt } from "./x509.ts";

/** The thumbprints of a certificate in DER: upper-case hexadecimal, 40 and 64 digits. */
export function thumbprints(der: Uint8Array): { readonly sha1: string; readonly sha256: string } {
  return { sha1: digest("sha1", der), sha256: digest("sha256", der) };
}

/** True if the identity is registered with this certificate's SHA-1 or SHA-256, in any case (spec/semantics §7.3). */
export function matchesThumbprint(authentication: Authentication, der: Uint8Array): boolean {
  if (authentication.type !== "selfSigned") return false;
  const { sha1, sha256 } = thumbprints(der);
  return [authentication.primaryThumbprint, authentication.secondaryThumbprint].some(
    (registered) => registered?.toUpperCase() === sha1 || registered?.toUpperCase() === sha256,
  );
}

function digest(algorithm: "sha1" | "sha256", der: Uint8Array): string {
  return createHash(algorithm).update(der).digest("hex").toUpperCase();
}
