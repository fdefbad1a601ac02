import { completed } from "../../../app/completion.ts";
import type { TelemetrySender } from "../../../app/hub.ts";
import type { IdentityPrincipal } from "../../../app/principal.ts";
import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import { type Fault, readFault } from "../../../domain/messages/fault.ts";
import { maxTelemetrySize } from "../../../domain/messages/size.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { decodeMessage } from "../codec/decode.ts";
import { readNewMessage } from "../codec/new-message.ts";
import { TelemetryReader } from "../codec/telemetry-reader.ts";
import type { AmqpLimits } from "../limits.ts";
import { joinIdentity } from "./identity.ts";
import {
  type Attach,
  type Delivery,
  type InboundLink,
  type LinkContext,
  type Together,
  accepted,
} from "./link.ts";

/** Several messages in one (spec/amqp §7.2). */
const batchFormat = 0x80013700;

/** L1: telemetry of a device or module, and a module's outputs. */
export async function openTelemetry(context: LinkContext, attach: Attach): Promise<InboundLink> {
  const { faults } = context;
  const { hub, limits, faultInjection } = context.services;
  const identity = await joinIdentity(context, attach);
  const { sender } = hub.telemetry;
  let by: { readonly principal: IdentityPrincipal; readonly sender: TelemetrySender } | undefined;
  return {
    direction: "inbound",
    maxMessageSize: limits.telemetryBytes,
    credit: limits.telemetryCredit,
    async receive(delivery) {
      const { key, opened } = identity.entry;
      const { principal } = opened;
      faults.checkTelemetry(key);
      const { messages, fault } = withoutFault(readMessages(delivery, limits), faultInjection);
      // All are handed over in this order before the first one is waited for.
      await Promise.all(messages.map((message) => hub.telemetry.send(principal, message)));
      if (fault === null) return { outcome: accepted };
      // The client knows that the message has come before it suffers (spec/amqp §15).
      return { outcome: accepted, afterwards: () => faults.inject(key, fault) };
    },
    together: sender && {
      read: ordinaryMessages(limits, faultInjection),
      async send(messages) {
        const { key, opened } = identity.entry;
        faults.checkTelemetry(key);
        const { principal } = opened;
        if (by?.principal !== principal) by = { principal, sender: sender(principal) };
        const { sender: known } = by;
        return completed((completion) => known.sendTogether(messages, completion));
      },
    },
    ended: identity.leave,
  };
}

/** The most that a text grows by when bytes that are not UTF-8 become characters. */
const widest = 3;

/** Reads messages that cannot be too large and ask for no fault. */
function ordinaryMessages(
  { telemetryBytes }: AmqpLimits,
  faultInjection: boolean,
): Together["read"] {
  const reader = new TelemetryReader();
  const most = Math.min(telemetryBytes, maxTelemetrySize) / widest;
  return (frame, start) => {
    if (frame.length - start > most) return undefined;
    const message = reader.read(frame, start);
    if (message === undefined) return undefined;
    return faultInjection && faultOf(message.application) !== null ? undefined : message;
  };
}

/** The messages of one delivery. */
interface Batch {
  /** The properties of the message around them; of the only message if it is none. */
  readonly envelope: NewMessage["application"];
  readonly messages: readonly NewMessage[];
}

interface Telemetry {
  readonly messages: readonly NewMessage[];
  readonly fault: Fault | null;
}

/**
 * Takes out what asks for a fault: a message, or the envelope of a batch (spec/amqp §15). An envelope does not
 * say which of its messages is meant, so that only a single one is left out.
 */
function withoutFault({ envelope, messages }: Batch, faultInjection: boolean): Telemetry {
  if (!faultInjection) return { messages, fault: null };
  const around = faultOf(envelope);
  if (around !== null) return { messages: messages.length === 1 ? [] : messages, fault: around };
  const ordinary = messages.filter(({ application }) => faultOf(application) === null);
  for (const { application } of messages) {
    const fault = faultOf(application);
    if (fault !== null) return { messages: ordinary, fault };
  }
  return { messages, fault: null };
}

/** Faults of the other protocol are ordinary messages here. */
function faultOf(application: NewMessage["application"]): Fault | null {
  const fault = readFault(application);
  return fault?.type === "ShutDownMqtt" ? null : fault;
}

function readMessages(delivery: Delivery, limits: AmqpLimits): Batch {
  const { batchMessages, telemetryBytes } = limits;
  const message = delivery.decode();
  if (delivery.format !== batchFormat) {
    const only = readNewMessage(message);
    return { envelope: only.application, messages: [only] };
  }
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
  const { application } = readNewMessage({ ...message, body: { kind: "none" } });
  const messages = sections.map((section) => readNewMessage(decodeMessage(section)));
  return { envelope: application, messages };
}
