import { createHash } from "node:crypto";
import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { indexPathText, maxIndexes, parseIndexPath } from "../../domain/query/index-path.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { demandOwner } from "../policies/policies.ts";
import type { HubStore, HubTx, Log } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";

const collection = "twinIndexes";

/** A path of twins that queries find by an index. */
export interface TwinIndex {
  /** As it stands in queries: `properties.reported.firmware`. */
  readonly path: string;
  readonly createdAt: Milliseconds;
  /** False on a store that looks at every row and needs no index. */
  readonly isUsed: boolean;
}

/**
 * Sees to the declared indexes when the hub starts; resolves with whether the store uses any. A hub without them answers
 * as well, only later: it starts.
 */
export async function startIndexes(store: HubStore, log: Log): Promise<boolean> {
  try {
    return await restoreIndexes(store);
  } catch (error) {
    log.error({ err: error }, "The declared indexes could not be made, queries do without");
    return false;
  }
}

/** Makes the declared indexes that are missing, and drops others. */
async function restoreIndexes(store: HubStore): Promise<boolean> {
  const stored = await store.transaction(null, read);
  return store.ensureIndexes(stored.map(({ path }) => parseIndexPath(path)));
}

/** All of them, in the order of their paths. */
export async function listIndexes(
  context: HubContext,
  principal: Principal,
): Promise<readonly TwinIndex[]> {
  demand(principal, "ServiceConnect");
  const stored = await context.store.transaction(null, read);
  return stored
    .map((index) => ({ ...index, isUsed: context.usesIndexes }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Declares an index, or leaves the one that is there; resolves when it has been built. Refuses with ArgumentInvalid and,
 * above 20, InvalidOperation.
 */
export async function createIndex(
  context: HubContext,
  principal: Principal,
  text: string,
): Promise<TwinIndex> {
  demandOwner(principal);
  const path = indexPathText(parseIndexPath(text));
  const { store } = context;
  const { index, isNew } = await store.transaction(null, (tx) => put(tx, path));
  try {
    return { ...index, isUsed: await restoreIndexes(store) };
  } catch (error) {
    if (isNew) await store.transaction(null, (tx) => tx.deleteDocument(collection, idOf(path)));
    throw error;
  }
}

/** Drops an index. Refuses with GenericNotFound. */
export async function deleteIndex(
  context: HubContext,
  principal: Principal,
  text: string,
): Promise<void> {
  demandOwner(principal);
  const path = indexPathText(parseIndexPath(text));
  await context.store.transaction(null, (tx) => {
    if (tx.document(collection, idOf(path)) === undefined) {
      throw new HubError("GenericNotFound", `There is no index on '${path.slice(0, 100)}'`);
    }
    tx.deleteDocument(collection, idOf(path));
  });
  await restoreIndexes(context.store);
}

type Stored = Omit<TwinIndex, "isUsed">;

function put(tx: HubTx, path: string): { readonly index: Stored; readonly isNew: boolean } {
  const stored = tx.document(collection, idOf(path));
  if (stored !== undefined) return { index: indexOf(stored), isNew: false };
  if (tx.documents(collection).length >= maxIndexes) {
    throw new HubError("InvalidOperation", `The hub already has ${maxIndexes} indexes, its limit`);
  }
  const index = { path, createdAt: tx.now };
  tx.putDocument(collection, idOf(path), index);
  return { index, isNew: true };
}

function read(tx: HubTx): readonly Stored[] {
  return tx.documents(collection).map(({ value }) => indexOf(value));
}

function indexOf(value: JsonObject): Stored {
  return value as unknown as Stored;
}

/** Paths are longer and more various than ids should be. */
function idOf(path: string): string {
  return createHash("sha256").update(path).digest("hex");
}
