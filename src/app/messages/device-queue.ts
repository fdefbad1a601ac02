import {
  type FeedbackCode,
  type QueuedMessage,
  isExpired,
  wantsFeedback,
} from "../../domain/messages/c2d-queue.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { FeedbackRecord } from "../../domain/messages/feedback.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { HubTx, QueueItem } from "../ports.ts";

/** Queue names of the store. */
export const c2dPrefix = "c2d/";
export const feedbackPending = "feedback/pending";
export const feedbackReady = "feedback/ready";
/** Feedback that nobody fetches does not pile up: the oldest records go first. */
const maxPendingFeedback = 10_000;

export function c2dQueueName(deviceId: string): string {
  return c2dPrefix + deviceId;
}

export interface WaitingMessage {
  readonly sequence: number;
  readonly message: QueuedMessage;
  readonly body: Uint8Array;
}

/** Stored as it is: the values are plain JSON. */
export function storedMessage(message: QueuedMessage): JsonObject {
  return message as unknown as JsonObject;
}

function waitingMessage({ sequence, value, body }: QueueItem): WaitingMessage {
  return { sequence, message: value as unknown as QueuedMessage, body };
}

/** More than a queue ever holds. */
const all = 1000;

/** A device's messages that are still alive, oldest first; those that have died are taken out with their feedback. */
export function liveMessages(tx: HubTx, deviceId: string): WaitingMessage[] {
  const alive: WaitingMessage[] = [];
  for (const item of tx.queue(c2dQueueName(deviceId), all)) {
    const waiting = waitingMessage(item);
    if (isExpired(waiting.message, tx.now)) finish(tx, deviceId, waiting, "Expired");
    else alive.push(waiting);
  }
  return alive;
}

/** Messages that wait for an identity or that it has taken; modules have no queue (spec/semantics §9). */
export function queuedMessages(tx: HubTx, key: IdentityKey): number {
  return key.moduleId === undefined ? tx.queueLength(c2dQueueName(key.deviceId)) : 0;
}

/** Takes a message out for good and tells its sender, if it asked. */
export function finish(
  tx: HubTx,
  deviceId: string,
  waiting: WaitingMessage,
  code: FeedbackCode,
): void {
  tx.deleteFromQueue(c2dQueueName(deviceId), waiting.sequence);
  const { message } = waiting;
  if (!wantsFeedback(message.ack, code)) return;
  const record: FeedbackRecord = {
    originalMessageId: message.system.messageId ?? "",
    statusCode: code,
    deviceId,
    deviceGenerationId: tx.identity({ deviceId })?.generationId ?? "",
    at: tx.now,
  };
  if (tx.queueLength(feedbackPending) >= maxPendingFeedback) {
    const oldest = tx.queue(feedbackPending, 1)[0];
    if (oldest !== undefined) tx.deleteFromQueue(feedbackPending, oldest.sequence);
  }
  tx.addToQueue(feedbackPending, record as unknown as JsonObject, new Uint8Array());
}

/** The messages of a deleted device end with it, and nobody hears of that (spec/semantics §2.9). */
export function dropMessages(tx: HubTx, deviceId: string): void {
  const name = c2dQueueName(deviceId);
  for (const { sequence } of tx.queue(name, all)) tx.deleteFromQueue(name, sequence);
}
