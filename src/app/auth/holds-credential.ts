import { createHash } from "node:crypto";
import type { Identity } from "../../domain/identity/identity.ts";
import { type Policy, grants } from "../../domain/identity/policy.ts";
import type { IdentityPrincipal } from "../principal.ts";

/** Tells keys apart without keeping them: a connection remembers with which one it came. */
export function keyFingerprint(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 16);
}

/** True while the key or certificate that a connection came with is still one of the identity's or policy's. */
export function holdsCredential(
  principal: IdentityPrincipal,
  identity: Identity,
  policy: Policy | undefined,
): boolean {
  const mark = principal.keyFingerprint;
  if (principal.policy !== undefined) {
    return (
      policy !== undefined &&
      grants(policy.rights, "DeviceConnect") &&
      (keyFingerprint(policy.primaryKey) === mark || keyFingerprint(policy.secondaryKey) === mark)
    );
  }
  const { authentication } = identity;
  switch (authentication.type) {
    case "sas":
      return (
        keyFingerprint(authentication.primaryKey) === mark ||
        keyFingerprint(authentication.secondaryKey) === mark
      );
    case "selfSigned":
      return [authentication.primaryThumbprint, authentication.secondaryThumbprint].some(
        (thumbprint) => thumbprint !== null && keyFingerprint(thumbprint.toLowerCase()) === mark,
      );
    case "certificateAuthority":
      return mark === certificateAuthorityMark;
    case "none":
      return false;
  }
}

/** Stands for a certificate of a registered CA, whichever it was. */
export const certificateAuthorityMark = "certificateAuthority";
