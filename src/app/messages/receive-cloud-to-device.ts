import { HubError } from "../../domain/errors.ts";
import {
  type QueuedMessage,
  type Settlement,
  isFree,
  isHeldBy,
  lockTime,
  settle,
} from "../../domain/messages/c2d-queue.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";
import { type IdentityPrincipal, denied } from "../principal.ts";
import { c2dQueueName, finish, liveMessages, storedMessage } from "./device-queue.ts";

/** A message that a device has taken and must settle. */
export interface TakenMessage {
  /** A GUID. */
  readonly lockToken: string;
  readonly sequence: number;
  readonly message: QueuedMessage;
  readonly body: Uint8Array;
  /** An earlier connection had taken it and ended without settling it. */
  readonly redelivered: boolean;
}

/**
 * Takes a device's next messages, oldest first, at most `limit`. Over HTTPS the lock lasts a minute; `holder`, a live
 * connection's id, keeps it until that connection ends. A connection that has ended takes nothing. A module has no
 * queue (spec/semantics §9.2).
 */
export async function receiveCloudToDevice(
  context: HubContext,
  principal: IdentityPrincipal,
  limit: number,
  holder?: string,
): Promise<readonly TakenMessage[]> {
  const { key } = principal;
  if (key.moduleId !== undefined || limit <= 0) return [];
  const tokens = Array.from({ length: limit }, () => context.random.uuid());
  const taken = await context.store.transaction(key, (tx) => {
    checkSelf(tx, principal);
    // Asked of the node and not of the store, whose presence outlives a hub that was killed.
    const liveHolder = context.live.get(key)?.id;
    const found: TakenMessage[] = [];
    if (holder !== undefined && holder !== liveHolder) return found;
    for (const { sequence, message, body } of liveMessages(tx, key.deviceId)) {
      const token = tokens[found.length];
      if (token === undefined) break;
      if (!isFree(message, tx.now, liveHolder)) continue;
      const lock =
        holder === undefined ? { token, until: tx.now + lockTime } : { token, until: null, holder };
      const locked = { ...message, lock };
      tx.updateQueueItem(c2dQueueName(key.deviceId), sequence, storedMessage(locked));
      const redelivered = message.lock?.holder !== undefined;
      found.push({ lockToken: token, sequence, message: locked, body, redelivered });
    }
    return found;
  });
  // A connection of the device hears of it when the minute is over and nobody has settled the messages.
  const until = taken[0]?.message.lock?.until ?? null;
  if (until !== null) context.expiry.watch(key.deviceId, until);
  return taken;
}

/** Completes, abandons or rejects; refuses with DeviceMessageLockLost if the lock is not held any more. */
export async function settleCloudToDevice(
  context: HubContext,
  principal: IdentityPrincipal,
  lockToken: string,
  how: Settlement,
): Promise<void> {
  const { key } = principal;
  // A module holds none, and may not settle what its device holds.
  if (key.moduleId !== undefined) throw lockLost();
  await context.store.transaction(key, (tx) => {
    checkSelf(tx, principal);
    const held = liveMessages(tx, key.deviceId).find(({ message }) =>
      isHeldBy(message, lockToken, tx.now),
    );
    if (held === undefined) throw lockLost();
    const fate = settle(held.message, how, context.settings.queue);
    if (fate.kind === "gone") {
      finish(tx, key.deviceId, held, fate.code);
    } else {
      tx.updateQueueItem(c2dQueueName(key.deviceId), held.sequence, storedMessage(fate.message));
      tx.emit({ type: "messageQueued", key, at: tx.now });
    }
  });
  const live = context.live.get(key);
  if (live !== undefined) live.lastActivityTime = context.clock.now();
  context.feedbackChanged();
}

/** Gives back what a connection or a link of it held, without counting a delivery. */
export async function releaseCloudToDevice(
  context: HubContext,
  principal: IdentityPrincipal,
  lockTokens: readonly string[],
): Promise<void> {
  const { key } = principal;
  if (key.moduleId !== undefined || lockTokens.length === 0) return;
  await context.store.transaction(key, (tx) => {
    let released = false;
    for (const { sequence, message } of liveMessages(tx, key.deviceId)) {
      if (message.lock === undefined || !lockTokens.includes(message.lock.token)) continue;
      tx.updateQueueItem(
        c2dQueueName(key.deviceId),
        sequence,
        storedMessage({ ...message, lock: undefined }),
      );
      released = true;
    }
    if (released) tx.emit({ type: "messageQueued", key, at: tx.now });
  });
}

function lockLost(): HubError {
  return new HubError("DeviceMessageLockLost", "The lock of the message is unknown or has expired");
}

function checkSelf(tx: HubTx, principal: IdentityPrincipal): void {
  if (tx.identity(principal.key)?.generationId === principal.generationId) return;
  throw denied("The device does not exist any more");
}
