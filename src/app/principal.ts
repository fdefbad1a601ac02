import type { AuthMethod } from "../domain/identity/credentials.ts";
import { type IdentityKey, keyText, sameKey } from "../domain/identity/key.ts";
import { type Right, grants } from "../domain/identity/policy.ts";
import { HubError } from "../domain/errors.ts";
import type { Milliseconds } from "../domain/time.ts";

/** A caller that showed a policy's key: may do what the policy's rights allow, below `path`. */
export interface PolicyPrincipal {
  readonly kind: "policy";
  readonly policy: string;
  readonly rights: readonly Right[];
}

/** A device or a module, proven by its own credential or by a policy with DeviceConnect acting for it. */
export interface IdentityPrincipal {
  readonly kind: "identity";
  readonly key: IdentityKey;
  /** Of the identity that was authenticated: a re-created one is somebody else. */
  readonly generationId: string;
  readonly auth: AuthMethod;
  /** The policy that acted for the identity, if one did. */
  readonly policy?: string | undefined;
  /** Which key of the identity or policy signed; tells whose connection a key change ends. */
  readonly keyFingerprint: string;
  /** When the token ends; `null` for certificates. */
  readonly expires: Milliseconds | null;
}

/** An authenticated caller. Every use case takes one, and asks it before anything else. */
export type Principal = PolicyPrincipal | IdentityPrincipal;

/** Refuses a caller without one of the rights (401002, as Azure answers: spec/rest §5.6). */
export function demand(principal: Principal, ...anyOf: readonly Right[]): void {
  if (principal.kind === "policy" && anyOf.some((right) => grants(principal.rights, right))) return;
  throw denied(
    principal.kind === "policy"
      ? `Policy '${principal.policy}' does not have ${anyOf.join(" or ")}`
      : `'${keyText(principal.key)}' may not call service operations`,
  );
}

/** Refuses everyone but the identity itself. */
export function demandSelf(
  principal: Principal,
  key: IdentityKey,
): asserts principal is IdentityPrincipal {
  if (principal.kind === "identity" && sameKey(principal.key, key)) return;
  throw denied("The credential is not that of the addressed device or module");
}

export function denied(message: string): HubError {
  return new HubError("IotHubUnauthorizedAccess", message);
}
