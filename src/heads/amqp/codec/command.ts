import type { TakenMessage } from "../../../app/messages/receive-cloud-to-device.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import type { AmqpMessage, MessageId } from "./message.ts";
import { type AmqpValue, ubyte, ulong } from "./values.ts";

/** A cloud-to-device message as a device reads it (spec/amqp §11.2). */
export function writeCommand(taken: TakenMessage, key: IdentityKey): AmqpMessage {
  const { message, body, sequence, lockToken } = taken;
  const { system } = message;
  const application = new Map<string, AmqpValue>(message.application);
  application.set("iothub-ack", message.ack);
  return {
    messageId: textId(system.messageId),
    correlationId: textId(system.correlationId),
    userId: system.userId === undefined ? undefined : Buffer.from(system.userId),
    to: `/devices/${encodeURIComponent(key.deviceId)}/messages/deviceBound`,
    contentType: system.contentType,
    contentEncoding: system.contentEncoding,
    // Only what the sender has said: the hub's default is its own affair.
    absoluteExpiryTime: system.expiryTimeUtc === undefined ? undefined : message.expiryTime,
    annotations: new Map<string, AmqpValue>([
      ["x-opt-sequence-number", ulong(sequence)],
      ["x-opt-lock-token", lockToken],
      ["iothub-enqueuedtime", new Date(message.enqueuedTime)],
      ["iothub-deliverycount", ubyte(Math.min(message.deliveryCount, 255))],
    ]),
    application,
    body: { kind: "data", sections: [body] },
  };
}

export function textId(id: string | undefined): MessageId | undefined {
  return id === undefined ? undefined : { type: "string", value: id };
}
