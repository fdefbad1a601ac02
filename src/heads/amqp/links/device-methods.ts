import type { MethodInvocation } from "../../../app/ports.ts";
import { argumentInvalid } from "../../../domain/errors.ts";
import { bodyBytes } from "../codec/new-message.ts";
import type { AmqpMessage } from "../codec/message.ts";
import { Uuid } from "../codec/values.ts";
import type { IdentityEntry } from "../identity-links.ts";
import { joinIdentity } from "./identity.ts";
import {
  type Attach,
  type InboundLink,
  type LinkContext,
  type OutboundLink,
  accepted,
} from "./link.ts";

/** Calls of one identity that wait for its answer, by their correlation id. The hub bounds them. */
type Waiting = Map<string, MethodInvocation>;

function waitingOf({ shared }: IdentityEntry): Waiting {
  const known = shared.get("methods") as Waiting | undefined;
  const waiting: Waiting = known ?? new Map();
  shared.set("methods", waiting);
  return waiting;
}

/** L5: requests of direct methods. The identity takes calls while this link has credit (spec/amqp §9). */
export async function openMethodRequests(
  context: LinkContext,
  attach: Attach,
): Promise<OutboundLink> {
  const { entry, leave } = await joinIdentity(context, attach);
  const { port, services } = context;
  const waiting = waitingOf(entry);
  const invoke = (invocation: MethodInvocation): (() => void) => {
    const id = services.random.uuid();
    waiting.set(id, invocation);
    port.reply(request(id, invocation));
    return () => waiting.delete(id);
  };
  return {
    direction: "outbound",
    roomChanged() {
      if (entry.invoke === invoke) return;
      entry.invoke = invoke;
      entry.opened.methodsReady(true);
    },
    ended() {
      if (entry.invoke === invoke) {
        entry.invoke = undefined;
        entry.opened.methodsReady(false);
      }
      leave();
    },
  };
}

function request(id: string, { name, payload }: MethodInvocation): AmqpMessage {
  return {
    // A uuid and nothing else: one SDK refuses every other type (spec/amqp §9).
    correlationId: { type: "uuid", value: Uuid.parse(id) },
    application: new Map([["IoThub-methodname", name]]),
    body: { kind: "data", sections: [Buffer.from(payload)] },
  };
}

/** L4: answers. One that comes too late, or that nobody has asked for, is accepted and dropped. */
export async function openMethodAnswers(
  context: LinkContext,
  attach: Attach,
): Promise<InboundLink> {
  const { entry, leave } = await joinIdentity(context, attach);
  const { limits } = context.services;
  const waiting = waitingOf(entry);
  return {
    direction: "inbound",
    maxMessageSize: limits.requestBytes,
    credit: limits.requestCredit,
    async receive(delivery) {
      const { correlationId, application, body } = delivery.decode();
      const id = correlationId === undefined ? "" : String(correlationId.value).toLowerCase();
      const status = application?.get("IoThub-status");
      if (typeof status !== "number" || !Number.isInteger(status))
        throw argumentInvalid("The answer of a direct method has no IoThub-status of type int");
      const invocation = waiting.get(id);
      waiting.delete(id);
      invocation?.answer(status, Buffer.from(bodyBytes(body)).toString());
      return { outcome: accepted };
    },
    ended: leave,
  };
}
