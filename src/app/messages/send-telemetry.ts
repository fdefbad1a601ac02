import { HubError } from "../../domain/errors.ts";
import type { AuthMethod } from "../../domain/identity/credentials.ts";
import { keyText } from "../../domain/identity/key.ts";
import { maxTelemetrySize, messageSize } from "../../domain/messages/size.ts";
import type { EventMessage, NewMessage } from "../../domain/messages/telemetry.ts";
import type { HubContext } from "../context.ts";
import type { IdentityPrincipal } from "../principal.ts";
import { partitionOf } from "./partition-of.ts";

/**
 * Sends a device-to-cloud message, stamped with who sent it, where routes say, which is the event log unless there are any;
 * resolves when it is durable there (spec/semantics §10, §11.1). Hot: the promise is the store's own.
 */
export function sendTelemetry(
  context: HubContext,
  principal: IdentityPrincipal,
  message: NewMessage,
): Promise<unknown> {
  const tooLarge = refusalOf(principal, message);
  if (tooLarge !== undefined) return Promise.reject(tooLarge);
  const stamped = stamp(message, stampOf(context, principal));
  if (!context.router.isStraight) return context.router.telemetry(stamped);
  const { eventLog } = context.store;
  return eventLog.append(partitionOf(principal.key.deviceId, eventLog.partitions), stamped);
}

/**
 * Messages of one sender that arrived together, stamped alike and in order; resolves when all are durable. Refused as a
 * whole, before any is kept where they go to the event log. Hot: what belongs to the sender is done once.
 */
export function sendTogether(
  context: HubContext,
  principal: IdentityPrincipal,
  messages: readonly NewMessage[],
): Promise<unknown> {
  const common = stampOf(context, principal);
  const stamped: EventMessage[] = [];
  for (const message of messages) {
    const tooLarge = refusalOf(principal, message);
    if (tooLarge !== undefined) return Promise.reject(tooLarge);
    stamped.push(stamp(message, common));
  }
  const { router, store } = context;
  if (!router.isStraight) return Promise.all(stamped.map((message) => router.telemetry(message)));
  const { eventLog } = store;
  const partition = partitionOf(principal.key.deviceId, eventLog.partitions);
  return eventLog.appendAll(partition, stamped);
}

function refusalOf({ key }: IdentityPrincipal, message: NewMessage): HubError | undefined {
  const size = messageSize(message);
  if (size <= maxTelemetrySize) return undefined;
  const problem = `A message of ${keyText(key)} has ${size} bytes, the limit is ${maxTelemetrySize}`;
  return new HubError("MessageTooLarge", problem);
}

/** What the hub says about each message of a sender at one time. */
type Stamp = Pick<EventMessage, "key" | "enqueuedTime" | "generationId" | "authMethod" | "modelId">;

function stampOf(context: HubContext, principal: IdentityPrincipal): Stamp {
  const live = context.live.get(principal.key);
  const enqueuedTime = context.clock.now();
  if (live !== undefined) live.lastActivityTime = enqueuedTime;
  return {
    key: principal.key,
    enqueuedTime,
    generationId: principal.generationId,
    authMethod: authMethodText(principal.auth),
    modelId: live?.modelId ?? "",
  };
}

/** Member by member: spreading takes several times as long. */
function stamp(message: NewMessage, by: Stamp): EventMessage {
  return {
    key: by.key,
    body: message.body,
    system: message.system,
    application: message.application.size === 0 ? noProperties : [...message.application],
    source: "Telemetry",
    enqueuedTime: by.enqueuedTime,
    generationId: by.generationId,
    authMethod: by.authMethod,
    modelId: by.modelId,
  };
}

const noProperties: EventMessage["application"] = [];

/** A connection's messages share one credential. */
const knownAuthMethods = new WeakMap<AuthMethod, string>();

function authMethodText(auth: AuthMethod): string {
  const known = knownAuthMethods.get(auth);
  if (known !== undefined) return known;
  const { scope, type } = auth;
  const text = JSON.stringify({ scope, type, issuer: "iothub", acceptingIpFilterRule: null });
  knownAuthMethods.set(auth, text);
  return text;
}
