import { HubError } from "../errors.ts";
import { type Milliseconds, timeText } from "../time.ts";
import type { MessageProperties } from "./telemetry.ts";

/** Pending messages of a device, locked ones included (spec/semantics §9). */
export const maxQueueDepth = 50;
/** Body and properties of a cloud-to-device message, in bytes. */
export const maxCloudToDeviceSize = 65_536;
/** How long a taken message stays invisible, in milliseconds. */
export const lockTime: Milliseconds = 60_000;

/** The end of the year 9999: the last time that has a text of the usual form. */
const latestTime: Milliseconds = 253_402_300_799_999;

/** Whether the sender wants to hear of the end of a message. */
export type FeedbackRequest = "none" | "positive" | "negative" | "full";

/** How a message ended (spec/semantics §9.1). */
export type FeedbackCode = "Success" | "Expired" | "DeliveryCountExceeded" | "Rejected" | "Purged";

/** Who has taken a message. `until` is null while a connection holds it; it ends with that connection. */
export interface Lock {
  readonly token: string;
  readonly until: Milliseconds | null;
  /** The connection that holds it. */
  readonly holder?: string | undefined;
}

/** A cloud-to-device message without its body. */
export interface QueuedMessage {
  readonly system: MessageProperties;
  readonly application: readonly (readonly [string, string | null])[];
  readonly ack: FeedbackRequest;
  readonly enqueuedTime: Milliseconds;
  /** When it dies; from the sender or the hub's default. */
  readonly expiryTime: Milliseconds;
  /** Raised by abandoning only (spec/semantics §9). */
  readonly deliveryCount: number;
  readonly lock?: Lock | undefined;
}

/** What a service sends. */
export interface NewCloudToDevice {
  readonly body: Uint8Array;
  readonly system: MessageProperties;
  readonly application: ReadonlyMap<string, string | null>;
  readonly ack: FeedbackRequest;
  /** Absolute; absent for the hub's default. */
  readonly expiryTime?: Milliseconds | undefined;
}

export interface QueueSettings {
  readonly maxDeliveryCount: number;
  readonly defaultTimeToLive: Milliseconds;
}

/** IoT Hub's defaults: 10 deliveries, one hour. */
export const defaultQueueSettings: QueueSettings = {
  maxDeliveryCount: 10,
  defaultTimeToLive: 3_600_000,
};

/** Admits a message to a queue that holds `depth` messages. */
export function enqueue(
  message: NewCloudToDevice,
  depth: number,
  now: Milliseconds,
  settings: QueueSettings,
): QueuedMessage {
  if (depth >= maxQueueDepth) {
    throw new HubError(
      "DeviceMaximumQueueDepthExceeded",
      `C2D messages enqueued for the device exceeded the queue limit of ${maxQueueDepth}`,
    );
  }
  const size = cloudToDeviceSize(message);
  if (size > maxCloudToDeviceSize) {
    throw new HubError(
      "MessageTooLarge",
      `The message has ${size} bytes, the limit is ${maxCloudToDeviceSize}`,
    );
  }
  const { expiryTime } = message;
  if (expiryTime !== undefined && expiryTime <= now)
    throw new HubError("InvalidMessageExpiryTime", "The expiry time of the message is in the past");
  if (expiryTime !== undefined && expiryTime > latestTime)
    throw new HubError("InvalidMessageExpiryTime", "The message must expire before the year 10000");
  return {
    // Devices are told of an expiry that the sender chose, and of no other (spec/mqtt §6.2).
    system: {
      ...message.system,
      expiryTimeUtc: expiryTime === undefined ? undefined : timeText(expiryTime),
    },
    application: [...message.application],
    ack: message.ack,
    enqueuedTime: now,
    expiryTime: expiryTime ?? now + settings.defaultTimeToLive,
    deliveryCount: 0,
  };
}

function cloudToDeviceSize({ body, system, application }: NewCloudToDevice): number {
  let size = body.byteLength;
  for (const value of Object.values(system))
    if (value !== undefined) size += Buffer.byteLength(String(value));
  for (const [name, value] of application)
    size += Buffer.byteLength(name) + Buffer.byteLength(value ?? "");
  return size;
}

export function isExpired(message: QueuedMessage, now: Milliseconds): boolean {
  return message.expiryTime <= now;
}

/**
 * True if nobody has the message now. `liveHolder` is the identity's live connection: what another connection held
 * is free again.
 */
export function isFree(
  message: QueuedMessage,
  now: Milliseconds,
  liveHolder: string | undefined,
): boolean {
  const { lock } = message;
  if (lock === undefined) return true;
  if (lock.holder !== undefined) return lock.holder !== liveHolder;
  return lock.until !== null && lock.until <= now;
}

/** True if `token` still settles the message. */
export function isHeldBy(message: QueuedMessage, token: string, now: Milliseconds): boolean {
  const { lock } = message;
  return lock?.token === token && (lock.until === null || lock.until > now);
}

export type Settlement = "complete" | "abandon" | "reject";

/** What becomes of a message: back into the queue, or gone with or without feedback. */
export type Fate =
  | { readonly kind: "requeued"; readonly message: QueuedMessage }
  | { readonly kind: "gone"; readonly code: FeedbackCode };

export function settle(message: QueuedMessage, how: Settlement, settings: QueueSettings): Fate {
  switch (how) {
    case "complete":
      return { kind: "gone", code: "Success" };
    case "reject":
      return { kind: "gone", code: "Rejected" };
    case "abandon": {
      const deliveryCount = message.deliveryCount + 1;
      if (deliveryCount >= settings.maxDeliveryCount)
        return { kind: "gone", code: "DeliveryCountExceeded" };
      return { kind: "requeued", message: { ...message, deliveryCount, lock: undefined } };
    }
  }
}

/** True if the sender asked to hear of this end. */
export function wantsFeedback(ack: FeedbackRequest, code: FeedbackCode): boolean {
  switch (ack) {
    case "none":
      return false;
    case "full":
      return true;
    case "positive":
      return code === "Success";
    case "negative":
      return code !== "Success";
  }
}
