import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { messageDocument } from "../../domain/messages/message-document.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import { type Milliseconds, timeText } from "../../domain/time.ts";
import type { HubTx, QueueItem } from "../ports.ts";

/** Messages that wait for one endpoint at most; the oldest goes to the dead letters to make room. */
export const maxQueuedMessages = 10_000;
/** Dead letters of one endpoint that are kept; older ones go. */
export const maxDeadLetters = 1_000;

export const queuePrefix = "webhook/";
export const deadLetterPrefix = "webhook-dead/";

/** Why a message is a dead letter. */
export type DeadLetterReason = "deliveryCountExceeded" | "queueFull";

interface StoredMessage {
  readonly message: Omit<EventMessage, "body">;
  /** How often it has been sent without success. */
  readonly deliveryCount: number;
}

interface StoredDeadLetter extends StoredMessage {
  readonly reason: DeadLetterReason;
  /** The last failure, if there was one. */
  readonly error: string | null;
  readonly at: Milliseconds;
}

/** A message that waits, with its place in the queue. */
export interface WaitingMessage {
  readonly sequence: number;
  readonly message: EventMessage;
  readonly deliveryCount: number;
}

export function addMessage(tx: HubTx, queue: string, { body, ...message }: EventMessage): void {
  tx.addToQueue(queuePrefix + queue, { message, deliveryCount: 0 } as unknown as JsonObject, body);
}

/** Makes room for one message if there is none; true if one had to go. */
export function makeRoom(tx: HubTx, queue: string): boolean {
  if (tx.queueLength(queuePrefix + queue) < maxQueuedMessages) return false;
  const oldest = tx.queue(queuePrefix + queue, 1)[0];
  if (oldest !== undefined) bury(tx, queue, oldest, "queueFull", null);
  return true;
}

export function waitingMessages(
  tx: HubTx,
  queue: string,
  limit: number,
): readonly WaitingMessage[] {
  return tx.queue(queuePrefix + queue, limit).map((item) => ({
    sequence: item.sequence,
    message: messageOf(item),
    deliveryCount: storedOf(item).deliveryCount,
  }));
}

export function removeMessages(tx: HubTx, queue: string, sequences: readonly number[]): void {
  for (const sequence of sequences) tx.deleteFromQueue(queuePrefix + queue, sequence);
}

/** Counts a failure of each of the oldest `count` messages; those with too many become dead letters. Tells how many did. */
export function countFailure(
  tx: HubTx,
  queue: string,
  sequences: ReadonlySet<number>,
  maxDeliveryCount: number,
  error: string,
): number {
  let buried = 0;
  for (const item of tx.queue(queuePrefix + queue, sequences.size)) {
    if (!sequences.has(item.sequence)) continue;
    const stored = storedOf(item);
    const deliveryCount = stored.deliveryCount + 1;
    const value = { ...stored, deliveryCount } as unknown as JsonObject;
    if (deliveryCount >= maxDeliveryCount) {
      bury(tx, queue, { ...item, value }, "deliveryCountExceeded", error);
      buried += 1;
    } else tx.updateQueueItem(queuePrefix + queue, item.sequence, value);
  }
  return buried;
}

function bury(
  tx: HubTx,
  queue: string,
  item: QueueItem,
  reason: DeadLetterReason,
  error: string | null,
): void {
  const dead = deadLetterPrefix + queue;
  tx.deleteFromQueue(queuePrefix + queue, item.sequence);
  if (tx.queueLength(dead) >= maxDeadLetters) {
    const oldest = tx.queue(dead, 1)[0];
    if (oldest !== undefined) tx.deleteFromQueue(dead, oldest.sequence);
  }
  tx.addToQueue(dead, { ...item.value, reason, error, at: tx.now }, item.body);
}

/** The oldest dead letters of an endpoint, as they are shown. */
export function deadLetters(tx: HubTx, queue: string, limit: number): readonly JsonObject[] {
  return tx.queue(deadLetterPrefix + queue, limit).map((item) => {
    const { reason, error, at, deliveryCount } = item.value as unknown as StoredDeadLetter;
    return {
      id: String(item.sequence),
      reason,
      error,
      deliveryCount,
      deadLetteredTime: timeText(at),
      ...messageDocument(messageOf(item)),
    };
  });
}

/** The sequence numbers of the oldest dead letters. */
export function oldestDeadLetters(tx: HubTx, queue: string, limit: number): readonly number[] {
  return tx.queue(deadLetterPrefix + queue, limit).map(({ sequence }) => sequence);
}

/**
 * Puts a dead letter behind the messages that wait, as if it had never been sent; false if there is none of that number.
 * Refuses with InvalidOperation if there is no room for it.
 */
export function retryDeadLetter(tx: HubTx, queue: string, sequence: number): boolean {
  const item = tx.queueItem(deadLetterPrefix + queue, sequence);
  if (item === undefined) return false;
  if (tx.queueLength(queuePrefix + queue) >= maxQueuedMessages) {
    const message = `${maxQueuedMessages} messages wait for the endpoint already, its limit`;
    throw new HubError("InvalidOperation", message);
  }
  tx.deleteFromQueue(deadLetterPrefix + queue, sequence);
  addMessage(tx, queue, messageOf(item));
  return true;
}

/** False if there is none of that number. */
export function discardDeadLetter(tx: HubTx, queue: string, sequence: number): boolean {
  if (tx.queueItem(deadLetterPrefix + queue, sequence) === undefined) return false;
  tx.deleteFromQueue(deadLetterPrefix + queue, sequence);
  return true;
}

/** Removes at most `limit` messages of both queues of an endpoint; tells how many. */
export function removeSome(
  tx: HubTx,
  queue: string,
  limit: number,
  prefixes: readonly string[] = [queuePrefix, deadLetterPrefix],
): number {
  let removed = 0;
  for (const prefix of prefixes) {
    for (const { sequence } of tx.queue(prefix + queue, limit - removed)) {
      tx.deleteFromQueue(prefix + queue, sequence);
      removed += 1;
    }
  }
  return removed;
}

function storedOf(item: QueueItem): StoredMessage {
  return item.value as unknown as StoredMessage;
}

function messageOf(item: QueueItem): EventMessage {
  return { ...storedOf(item).message, body: item.body };
}
