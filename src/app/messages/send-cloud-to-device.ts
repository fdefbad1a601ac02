import { type NewCloudToDevice, enqueue } from "../../domain/messages/c2d-queue.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { c2dQueueName, finish, liveMessages, storedMessage } from "./device-queue.ts";

/** Queues a message for a device; resolves when it is durable (spec/semantics §9). */
export async function sendCloudToDevice(
  context: HubContext,
  principal: Principal,
  deviceId: string,
  message: NewCloudToDevice,
): Promise<void> {
  demand(principal, "ServiceConnect");
  const key = { deviceId };
  const expiry = await context.store.transaction(key, (tx) => {
    findIdentity(tx, key);
    const depth = liveMessages(tx, deviceId).length;
    const queued = enqueue(message, depth, tx.now, context.settings.queue);
    tx.addToQueue(c2dQueueName(deviceId), storedMessage(queued), message.body);
    tx.emit({ type: "messageQueued", key, at: tx.now });
    return queued.expiryTime;
  });
  context.expiry.watch(deviceId, expiry);
}

/** Takes all pending messages of a device out; tells how many there were. */
export async function purgeCloudToDevice(
  context: HubContext,
  principal: Principal,
  deviceId: string,
): Promise<number> {
  demand(principal, "ServiceConnect");
  const key = { deviceId };
  const purged = await context.store.transaction(key, (tx) => {
    findIdentity(tx, key);
    const messages = liveMessages(tx, deviceId);
    for (const waiting of messages) finish(tx, deviceId, waiting, "Purged");
    return messages.length;
  });
  context.feedbackChanged();
  return purged;
}
