import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { decodeMessage } from "../codec/decode.ts";
import { readNewMessage } from "../codec/new-message.ts";
import type { AmqpLimits } from "../limits.ts";
import { joinIdentity } from "./identity.ts";
import {
  type Attach,
  type Delivery,
  type InboundLink,
  type LinkContext,
  accepted,
} from "./link.ts";

/** Several messages in one (spec/amqp §7.2). */
const batchFormat = 0x80013700;

/** L1: telemetry of a device or module, and a module's outputs. */
export async function openTelemetry(context: LinkContext, attach: Attach): Promise<InboundLink> {
  const { hub, limits } = context.services;
  const identity = await joinIdentity(context, attach);
  return {
    direction: "inbound",
    maxMessageSize: limits.telemetryBytes,
    credit: limits.telemetryCredit,
    async receive(delivery) {
      const messages = readMessages(delivery, limits);
      const { principal } = identity.entry.opened;
      // All are handed over in this order before the first one is waited for.
      await Promise.all(messages.map((message) => hub.telemetry.send(principal, message)));
      return { outcome: accepted };
    },
    ended: identity.leave,
  };
}

function readMessages(delivery: Delivery, limits: AmqpLimits): NewMessage[] {
  const { batchMessages, telemetryBytes } = limits;
  const message = delivery.decode();
  if (delivery.format !== batchFormat) return [readNewMessage(message)];
  if (delivery.bytes.byteLength > telemetryBytes)
    throw new HubError(
      "MessageTooLarge",
      `The batch has ${delivery.bytes.byteLength} bytes, the limit is ${telemetryBytes}`,
    );
  const sections = message.body.kind === "data" ? message.body.sections : [];
  if (sections.length === 0) throw argumentInvalid("The batch holds no message");
  if (sections.length > batchMessages)
    throw new HubError(
      "MessageTooLarge",
      `The batch holds ${sections.length} messages, the limit is ${batchMessages}`,
    );
  return sections.map((section) => readNewMessage(decodeMessage(section)));
}
