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
  const size = messageSize(message);
  if (size > maxTelemetrySize) {
    const problem = `A message of ${keyText(principal.key)} has ${size} bytes, the limit is ${maxTelemetrySize}`;
    return Promise.reject(new HubError("MessageTooLarge", problem));
  }
  const live = context.live.get(principal.key);
  const now = context.clock.now();
  const stamped: EventMessage = {
    key: principal.key,
    body: message.body,
    system: message.system,
    application: message.application.size === 0 ? noProperties : [...message.application],
    source: "Telemetry",
    enqueuedTime: now,
    generationId: principal.generationId,
    authMethod: authMethodText(principal.auth),
    modelId: live?.modelId ?? "",
  };
  if (live !== undefined) live.lastActivityTime = now;
  if (!context.router.isStraight) return context.router.telemetry(stamped);
  const { eventLog } = context.store;
  return eventLog.append(partitionOf(principal.key.deviceId, eventLog.partitions), stamped);
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
