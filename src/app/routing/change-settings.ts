import { HubError } from "../../domain/errors.ts";
import { type Precondition, identityEtag, satisfies } from "../../domain/identity/etag.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { HubContext } from "../context.ts";
import type { PutResource, Resource } from "../hub.ts";
import { demandOwner } from "../policies/policies.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import {
  type Collection,
  type Versioned,
  takesHubEvents,
  writePosition,
} from "./stored-settings.ts";

/** A kind of settings as it is shown. */
export type View<T> = (stored: T) => JsonObject;

/**
 * Runs a change of the settings; resolves when it is durable and in force. Where it makes the hub's events wanted, routing
 * begins with the events after this moment.
 */
export async function changeSettings<T>(
  context: HubContext,
  principal: Principal,
  work: (tx: HubTx) => T,
): Promise<T> {
  demandOwner(principal);
  const { store, router } = context;
  const newest = await store.lastEvent();
  const result = await store.transaction(null, (tx) => {
    const before = takesHubEvents(tx);
    const value = work(tx);
    if (!before && takesHubEvents(tx)) writePosition(tx, newest);
    tx.emit({ type: "routingChanged", at: tx.now });
    return value;
  });
  await router.reload();
  return result;
}

export async function listSettings<T extends Versioned>(
  context: HubContext,
  principal: Principal,
  collection: Collection<T>,
  view: View<T>,
): Promise<readonly JsonObject[]> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    collection.all(tx).map((stored) => resourceOf(stored, view).body),
  );
}

export async function getSetting<T extends Versioned>(
  context: HubContext,
  principal: Principal,
  collection: Collection<T>,
  id: string,
  view: View<T>,
): Promise<Resource> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) => resourceOf(find(tx, collection, id), view));
}

/**
 * Creates, without a precondition, or changes, with one: what is there is never overwritten unseen. `make` gives the new
 * value, or refuses.
 */
export function putSetting<T extends Versioned>(
  tx: HubTx,
  collection: Collection<T>,
  id: string,
  limit: number,
  precondition: Precondition,
  make: (stored: T | undefined, etagNumber: number) => T,
): { readonly stored: T; readonly created: boolean } {
  const before = collection.read(tx, id);
  if (before === undefined) {
    if (precondition.kind !== "absent") throw notFound(collection, id);
    if (collection.all(tx).length >= limit) {
      const message = `The hub already has ${limit} ${collection.what}s, its limit`;
      throw new HubError("InvalidOperation", message);
    }
  } else if (precondition.kind === "absent") {
    const message = `The ${collection.what} ${id} exists, and changing it takes If-Match`;
    throw new HubError("PreconditionFailed", message);
  } else checkEtag(collection.what, before, precondition);
  const stored = make(before, (before?.etagNumber ?? 0) + 1);
  collection.write(tx, id, stored);
  return { stored, created: before === undefined };
}

export function deleteSetting<T extends Versioned>(
  tx: HubTx,
  collection: Collection<T>,
  id: string,
  precondition: Precondition,
): T {
  const stored = find(tx, collection, id);
  checkEtag(collection.what, stored, precondition);
  tx.deleteDocument(collection.name, id);
  return stored;
}

export function find<T extends Versioned>(tx: HubTx, collection: Collection<T>, id: string): T {
  const stored = collection.read(tx, id);
  if (stored === undefined) throw notFound(collection, id);
  return stored;
}

function notFound(collection: { readonly what: string }, id: string): HubError {
  const name = id.slice(0, 64).replaceAll(";", " ");
  return new HubError("GenericNotFound", `There is no ${collection.what} '${name}'`);
}

/** Here an etag counts with quotes or without. */
export function checkEtag(what: string, stored: Versioned, precondition: Precondition): void {
  const etag = identityEtag(stored.etagNumber);
  const quoted: Precondition =
    precondition.kind === "unquoted" ? { kind: "etag", etag: precondition.etag } : precondition;
  if (satisfies(quoted, etag)) return;
  throw new HubError(
    "PreconditionFailed",
    `The etag of the ${what} is ${etag}, not the one given in If-Match`,
  );
}

export function resourceOf<T extends Versioned>(stored: T, view: View<T>): Resource {
  const etag = identityEtag(stored.etagNumber);
  return { etag, body: { ...view(stored), etag } };
}

export function putResourceOf<T extends Versioned>(
  { stored, created }: { readonly stored: T; readonly created: boolean },
  view: View<T>,
): PutResource {
  return { ...resourceOf(stored, view), created };
}
