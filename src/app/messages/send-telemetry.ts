import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import { maxTelemetrySize, messageSize } from "../../domain/messages/size.ts";
import type { EventMessage, NewMessage } from "../../domain/messages/telemetry.ts";
import type { HubContext } from "../context.ts";
import type { IdentityPrincipal } from "../principal.ts";
import { authMethodText } from "./auth-method-text.ts";
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
  const size = messageSize(message);
  if (size > maxTelemetrySize) return Promise.reject(tooLarge(principal.key, size));
  const stamped = stamp(context, principal, message);
  if (!context.router.isStraight) return context.router.telemetry(stamped);
  const { eventLog } = context.store;
  return eventLog.append(partitionOf(principal.key.deviceId, eventLog.partitions), stamped);
}

/** What a sender is told whose message has `size` bytes, more than a message may have. */
export function tooLarge(key: IdentityKey, size: number): HubError {
  const problem = `A message of ${keyText(key)} has ${size} bytes, the limit is ${maxTelemetrySize}`;
  return new HubError("MessageTooLarge", problem);
}

/** Application properties as the event log keeps them. */
export function propertyList(application: NewMessage["application"]): EventMessage["application"] {
  return application.size === 0 ? noProperties : [...application];
}

const noProperties: EventMessage["application"] = [];

/** Member by member: spreading takes several times as long. */
function stamp(
  context: HubContext,
  { key, generationId, auth }: IdentityPrincipal,
  { body, system, application }: NewMessage,
): EventMessage {
  const live = context.live.get(key);
  const enqueuedTime = context.clock.now();
  if (live !== undefined) live.lastActivityTime = enqueuedTime;
  return {
    key,
    body,
    system,
    application: propertyList(application),
    source: "Telemetry",
    enqueuedTime,
    generationId,
    authMethod: authMethodText(auth),
    modelId: live?.modelId ?? "",
  };
}
