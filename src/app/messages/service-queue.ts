import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import {
  type FeedbackRecord,
  batchIsDue,
  feedbackView,
  maxFeedbackRecords,
} from "../../domain/messages/feedback.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import type { HubTx, QueueItem } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { feedbackPending, feedbackReady } from "./device-queue.ts";
import { serviceLockTime } from "./service-waiters.ts";

/** The hub-wide queues that services take from; several receivers compete (spec/semantics §9.1, §14). */
export type ServiceQueueName = "feedback" | "fileNotifications";

export const fileNotificationsReady = "fileNotifications/ready";

interface QueueRules {
  readonly ready: string;
  readonly timeToLive: Milliseconds;
  readonly lockTime: Milliseconds;
  readonly maxDeliveryCount: number;
  /** Items kept at the most; the oldest go first. */
  readonly maxItems: number;
}

const rules: Record<ServiceQueueName, QueueRules> = {
  feedback: {
    ready: feedbackReady,
    timeToLive: 3_600_000,
    lockTime: serviceLockTime,
    maxDeliveryCount: 10,
    maxItems: 10_000,
  },
  fileNotifications: {
    ready: fileNotificationsReady,
    timeToLive: 3_600_000,
    lockTime: serviceLockTime,
    maxDeliveryCount: 100,
    maxItems: 10_000,
  },
};

interface StoredItem {
  readonly at: Milliseconds;
  readonly deliveryCount: number;
  readonly lock?: { readonly token: string; readonly until: Milliseconds } | undefined;
}

/** A message that a service has taken and must settle. */
export interface ServiceMessage {
  /** A GUID. */
  readonly lockToken: string;
  readonly enqueuedTime: Milliseconds;
  /** JSON text, UTF-8. */
  readonly body: Uint8Array;
}

/** How many messages of a queue no service has taken and settled yet; those that have expired may be among them. */
export function waitingForServices(tx: HubTx, name: ServiceQueueName): number {
  return tx.queueLength(rules[name].ready);
}

/** Takes the next message of a queue, or null. */
export async function receiveForService(
  context: HubContext,
  principal: Principal,
  name: ServiceQueueName,
): Promise<ServiceMessage | null> {
  demand(principal, "ServiceConnect");
  const token = context.random.uuid();
  const message = await context.store.transaction(null, (tx) => {
    if (name === "feedback") makeBatches(tx);
    const { ready, lockTime } = rules[name];
    for (const item of tx.queue(ready, rules[name].maxItems)) {
      const stored = storedOf(item);
      if (isDead(stored, tx.now, name)) {
        tx.deleteFromQueue(ready, item.sequence);
        continue;
      }
      if (stored.lock !== undefined && stored.lock.until > tx.now) continue;
      const locked = { ...stored, lock: { token, until: tx.now + lockTime } };
      tx.updateQueueItem(ready, item.sequence, locked);
      return { lockToken: token, enqueuedTime: stored.at, body: item.body };
    }
    return null;
  });
  if (message !== null) context.serviceMessageTaken();
  return message;
}

/** Completes a message, or gives it back; refuses with DeviceMessageLockLost if the lock is not held any more. */
export async function settleForService(
  context: HubContext,
  principal: Principal,
  name: ServiceQueueName,
  lockToken: string,
  how: "complete" | "abandon",
): Promise<void> {
  demand(principal, "ServiceConnect");
  const { ready, maxItems } = rules[name];
  await context.store.transaction(null, (tx) => {
    const held = tx.queue(ready, maxItems).find((item) => {
      const { lock } = storedOf(item);
      return lock?.token === lockToken && lock.until > tx.now;
    });
    if (held === undefined) {
      throw new HubError(
        "DeviceMessageLockLost",
        "The lock of the message is unknown or has expired",
      );
    }
    const stored = storedOf(held);
    const deliveryCount = stored.deliveryCount + 1;
    if (how === "complete" || deliveryCount >= rules[name].maxDeliveryCount) {
      tx.deleteFromQueue(ready, held.sequence);
    } else {
      tx.updateQueueItem(ready, held.sequence, { at: stored.at, deliveryCount });
    }
  });
  if (how === "abandon") context.feedbackChanged();
}

/** Puts a message for services into a queue. */
export function putForService(
  tx: HubTx,
  name: ServiceQueueName,
  body: JsonObject | readonly JsonObject[],
): void {
  const { ready, maxItems } = rules[name];
  if (tx.queueLength(ready) >= maxItems) {
    const oldest = tx.queue(ready, 1)[0];
    if (oldest !== undefined) tx.deleteFromQueue(ready, oldest.sequence);
  }
  tx.addToQueue(ready, { at: tx.now, deliveryCount: 0 }, Buffer.from(JSON.stringify(body)));
}

/**
 * Joins waiting records to batches, as many as are due. Records that nobody came for in time are dropped, and so are
 * those of a device that has been deleted since (spec/semantics §9.1).
 */
function makeBatches(tx: HubTx): void {
  const { timeToLive, maxItems } = rules.feedback;
  for (const { sequence, value } of tx.queue(feedbackPending, maxItems)) {
    if (tx.now - (value as unknown as FeedbackRecord).at < timeToLive) break;
    tx.deleteFromQueue(feedbackPending, sequence);
  }
  for (;;) {
    const records = tx.queue(feedbackPending, maxFeedbackRecords);
    const oldest = records[0];
    if (oldest === undefined) return;
    const read = records.map((item) => item.value as unknown as FeedbackRecord);
    if (!batchIsDue(records.length, read[0]?.at ?? tx.now, tx.now)) return;
    for (const record of records) tx.deleteFromQueue(feedbackPending, record.sequence);
    const known = read.filter(
      ({ deviceId, deviceGenerationId }) =>
        tx.identity({ deviceId })?.generationId === deviceGenerationId,
    );
    if (known.length > 0) putForService(tx, "feedback", known.map(feedbackView));
  }
}

function storedOf(item: QueueItem): StoredItem {
  return item.value as unknown as StoredItem;
}

function isDead(item: StoredItem, now: Milliseconds, name: ServiceQueueName): boolean {
  return now - item.at >= rules[name].timeToLive;
}
