import type { IdentityPrincipal } from "../../app/principal.ts";

/** Identities that live on one connection. */
export interface IdentityLinks {
  readonly principals: readonly IdentityPrincipal[];
}
