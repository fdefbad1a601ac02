import { hash } from "node:crypto";
import type { Identity } from "../../domain/identity/identity.ts";
import { type Policy, grants } from "../../domain/identity/policy.ts";
import type { IdentityPrincipal } from "../principal.ts";

/** Tells keys apart without keeping them: a connection remembers with which one it came. */
export function keyFingerprint(key: string): string {
  return hash("sha256", key, "base64url").slice(0, 16);
}

/** A principal as it came, and what the hub holds now. */
export interface CurrentCredentials {
  readonly identity: Identity;
  readonly policy: Policy | undefined;
  /** PEM of each CA that counts; only asked for a certificate of one. */
  readonly authorities: () => readonly string[];
}

/** True while the key or certificate that a connection came with is still one of the identity's, policy's or hub's. */
export function holdsCredential(
  principal: IdentityPrincipal,
  { identity, policy, authorities }: CurrentCredentials,
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
      return authorities().some((pem) => authorityFingerprint(pem) === mark);
    case "none":
      return false;
  }
}

/** Marks who came with a certificate of this CA (PEM). */
export function authorityFingerprint(pem: string): string {
  return `ca:${keyFingerprint(pem)}`;
}
