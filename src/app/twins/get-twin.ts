import type { IdentityKey } from "../../domain/identity/key.ts";
import { ownViewText } from "../../domain/twin/view.ts";
import type { HubContext } from "../context.ts";
import { type IdentityPrincipal, type Principal, demand } from "../principal.ts";
import { findTwin } from "./find-twin.ts";
import { ownTwin } from "./own-twin.ts";
import { type TwinResource, twinResource } from "./twin-resource.ts";

/** The service reads a twin. */
export async function getTwin(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
): Promise<TwinResource> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(key, (tx) => {
    const found = findTwin(tx, key);
    return twinResource(context, tx, key, found, found.twin);
  });
}

/** A device or module reads its own twin, as JSON text. */
export function getOwnTwin(context: HubContext, principal: IdentityPrincipal): Promise<string> {
  return context.store.transaction(principal.key, (tx) => ownViewText(ownTwin(tx, principal)));
}
