import { type Precondition, identityEtag, satisfies } from "../../domain/identity/etag.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { demandModuleWrite } from "./module-rights.ts";
import { etagDiffers } from "./put-identity.ts";
import { removeIdentity } from "./write-identity.ts";

/** Deletes a device with its modules, or a module, and all that belongs to them. */
export async function deleteIdentity(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
  precondition: Precondition,
): Promise<void> {
  if (key.moduleId === undefined) demand(principal, "RegistryWrite");
  else demandModuleWrite(principal, key);
  await context.store.transaction(key, (tx) => {
    const { identity } = findIdentity(tx, key);
    const etag = identityEtag(identity.etagNumber);
    if (!satisfies(precondition, etag)) throw etagDiffers(etag);
    removeIdentity(tx, identity);
  });
}
