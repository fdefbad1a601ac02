import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { HubContext } from "../context.ts";
import { demandOwner } from "../policies/policies.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { find } from "./change-settings.ts";
import { endpointCollection } from "./stored-settings.ts";
import {
  deadLetterPrefix,
  deadLetters,
  discardDeadLetter,
  maxDeadLetters,
  oldestDeadLetters,
  removeSome,
  retryDeadLetter,
} from "./webhook-queue.ts";

/** Dead letters that one commit sends again. */
const retryBatch = 100;

/** The oldest messages that an endpoint never accepted, at most `limit`, 1 to 100. */
export async function listDeadLetters(
  context: HubContext,
  principal: Principal,
  name: string,
  limit: number,
): Promise<readonly JsonObject[]> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    deadLetters(tx, queueOf(tx, name), Math.min(limit, 100)),
  );
}

/** Puts one dead letter behind the messages that wait, to be sent as if for the first time. */
export async function retryOneDeadLetter(
  context: HubContext,
  principal: Principal,
  name: string,
  id: string,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    if (!retryDeadLetter(tx, queueOf(tx, name), sequenceOf(id))) throw missing(name, id);
  });
  context.router.queued(name, 1);
}

/** Does so with all that there are now, the oldest first; tells how many. */
export async function retryDeadLetters(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<number> {
  demandOwner(principal);
  // Those that fail again while this goes on are dead letters of later.
  const atFirst = await context.store.transaction(null, (tx) =>
    tx.queueLength(deadLetterPrefix + queueOf(tx, name)),
  );
  for (let retried = 0; ;) {
    const limit = Math.min(retryBatch, atFirst - retried);
    const moved = await context.store.transaction(null, (tx) => {
      const queue = queueOf(tx, name);
      const sequences = oldestDeadLetters(tx, queue, limit);
      for (const sequence of sequences) retryDeadLetter(tx, queue, sequence);
      return sequences.length;
    });
    context.router.queued(name, moved);
    retried += moved;
    if (moved === 0 || retried >= atFirst) return retried;
  }
}

/** Removes one dead letter. */
export async function discardOneDeadLetter(
  context: HubContext,
  principal: Principal,
  name: string,
  id: string,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    if (!discardDeadLetter(tx, queueOf(tx, name), sequenceOf(id))) throw missing(name, id);
  });
}

/** Removes all dead letters of an endpoint; tells how many. */
export async function purgeDeadLetters(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<number> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) =>
    removeSome(tx, queueOf(tx, name), maxDeadLetters, [deadLetterPrefix]),
  );
}

function queueOf(tx: HubTx, name: string): string {
  return find(tx, endpointCollection, name).queue;
}

/** Nothing has the number 0: what is no id is one of nothing. */
function sequenceOf(id: string): number {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : 0;
}

function missing(name: string, id: string): HubError {
  const shown = id.slice(0, 64).replaceAll(";", " ");
  return new HubError("GenericNotFound", `The endpoint ${name} has no dead letter '${shown}'`);
}
