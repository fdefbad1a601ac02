import { HubError } from "../../domain/errors.ts";
import type {
  ClientCertificate,
  ConnectRequest,
  SasToken,
} from "../../domain/identity/credentials.ts";
import type { Device, Identity } from "../../domain/identity/identity.ts";
import { signingAuthority } from "../../domain/identity/certificate-authority.ts";
import { certificateSubject } from "../../domain/identity/x509.ts";
import { type IdentityKey, isId, keyText } from "../../domain/identity/key.ts";
import { type Policy, grants } from "../../domain/identity/policy.ts";
import { audienceCovers, readAudience, verifySas } from "../../domain/identity/sas.ts";
import { isValidAt, matchesThumbprint, thumbprints } from "../../domain/identity/thumbprint.ts";
import type { HubContext } from "../context.ts";
import { type IdentityPrincipal, denied } from "../principal.ts";
import { authorityFingerprint, keyFingerprint } from "./holds-credential.ts";
import { currentAuthorities } from "../certificates/certificates.ts";

interface Found {
  readonly identity: Identity | undefined;
  readonly device: Device | undefined;
  readonly policy: Policy | undefined;
  /** PEM of the CAs that count; only read for a certificate. */
  readonly authorities: readonly string[];
}

type Proof = Pick<IdentityPrincipal, "auth" | "policy" | "keyFingerprint" | "expires">;

/**
 * Proves a device or module (spec/mqtt §2.4, spec/semantics §7). A stranger learns nothing of which ids exist:
 * whatever is wrong, the answer and the work are the same.
 */
export async function authenticateIdentity(
  context: HubContext,
  request: ConnectRequest,
): Promise<IdentityPrincipal> {
  const { key, credential } = request;
  const found = await find(context, request);
  const proof = prove(context, key, credential, found);
  const { identity, device } = found;
  if (proof === null || identity === undefined || device === undefined) {
    throw denied("The device or module is unknown, or its credential is not accepted");
  }
  if (device.status === "disabled")
    throw new HubError("DeviceDisabled", `Device '${key.deviceId}' is disabled`);
  return { kind: "identity", key, generationId: identity.generationId, ...proof };
}

function prove(
  context: HubContext,
  key: IdentityKey,
  credential: ConnectRequest["credential"],
  found: Found,
): Proof | null {
  switch (credential.kind) {
    case "sas":
      return proveBySas(context, key, credential.token, found);
    case "certificate":
      return proveByCertificate(context, key, credential.certificate, found);
    case "nothing":
      return null;
  }
}

function find(context: HubContext, { key, credential }: ConnectRequest): Promise<Found> {
  const policyName = credential.kind === "sas" ? credential.token.policy : undefined;
  return context.store.read(key, (tx) => {
    const known = isId(key.deviceId) && (key.moduleId === undefined || isId(key.moduleId));
    const identity = known ? tx.identity(key) : undefined;
    const device = known ? tx.identity({ deviceId: key.deviceId }) : undefined;
    return {
      identity,
      device: device?.moduleId === undefined ? device : undefined,
      policy: policyName === undefined ? undefined : tx.policy(policyName),
      authorities: credential.kind === "certificate" ? currentAuthorities(context, tx) : [],
    };
  });
}

function proveBySas(
  context: HubContext,
  key: IdentityKey,
  token: SasToken,
  found: Found,
): Proof | null {
  const keys = keysFor(token, found);
  // An unknown identity or policy costs the same signature check as a known one.
  const which = verifySas(
    token,
    keys ?? { primary: "", secondary: "" },
    context.clock.now(),
    context.settings.clockSkew,
  );
  const audience = readAudience(token.rawResource, context.isOwnHost);
  if (keys === null || which === null || audience === null) return null;
  const path = identityPath(key);
  if (!audienceCovers(audience, path)) return null;
  const expires = token.expiry * 1000;
  const mark = keyFingerprint(keys[which]);
  if (found.policy !== undefined) {
    const auth = { scope: "hub", type: "sas" } as const;
    return { auth, policy: found.policy.name, keyFingerprint: mark, expires };
  }
  // An identity's own key proves that identity alone: neither a module by its device nor the reverse.
  if (audience.length !== path.length) return null;
  const auth = { scope: key.moduleId === undefined ? "device" : "module", type: "sas" } as const;
  return { auth, keyFingerprint: mark, expires };
}

function keysFor(token: SasToken, found: Found): { primary: string; secondary: string } | null {
  if (token.policy !== undefined) {
    const { policy } = found;
    if (policy === undefined || !grants(policy.rights, "DeviceConnect")) return null;
    return { primary: policy.primaryKey, secondary: policy.secondaryKey };
  }
  const authentication = found.identity?.authentication;
  if (authentication?.type !== "sas") return null;
  return { primary: authentication.primaryKey, secondary: authentication.secondaryKey };
}

function proveByCertificate(
  context: HubContext,
  key: IdentityKey,
  { chain }: ClientCertificate,
  found: Found,
): Proof | null {
  const leaf = chain[0];
  if (leaf === undefined || found.identity === undefined) return null;
  const now = context.clock.now();
  if (!isValidAt(leaf, now)) return null;
  const { authentication } = found.identity;
  const auth = { scope: key.moduleId === undefined ? "device" : "module", type: "x509" } as const;
  switch (authentication.type) {
    case "selfSigned": {
      if (!matchesThumbprint(authentication, leaf)) return null;
      return {
        auth,
        keyFingerprint: keyFingerprint(matchedThumbprint(authentication, leaf)),
        expires: null,
      };
    }
    case "certificateAuthority": {
      // The subject's CN names the identity: `d`, or `d/m` for a module (spec/semantics §7.3).
      if (certificateSubject(leaf).commonName !== keyText(key)) return null;
      const authority = signingAuthority(chain, found.authorities, now);
      if (authority === null) return null;
      return { auth, keyFingerprint: authorityFingerprint(authority), expires: null };
    }
    case "sas":
    case "none":
      return null;
  }
}

function matchedThumbprint(
  authentication: Extract<Identity["authentication"], { type: "selfSigned" }>,
  leaf: Uint8Array,
): string {
  const { sha1, sha256 } = thumbprints(leaf);
  const shown = [sha1.toLowerCase(), sha256.toLowerCase()];
  const given = [authentication.primaryThumbprint, authentication.secondaryThumbprint];
  return (
    given
      .map((thumbprint) => thumbprint?.toLowerCase() ?? "")
      .find((text) => shown.includes(text)) ?? ""
  );
}

/** The resource path of an identity, as audiences name it. */
export function identityPath(key: IdentityKey): string[] {
  return key.moduleId === undefined
    ? ["devices", key.deviceId]
    : ["devices", key.deviceId, "modules", key.moduleId];
}
