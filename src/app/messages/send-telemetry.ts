import { HubError } from "../../domain/errors.ts";
import type { AuthMethod } from "../../domain/identity/credentials.ts";
import { keyText } from "../../domain/identity/key.ts";
import { maxTelemetrySize, messageSize } from "../../domain/messages/size.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import type { HubContext } from "../context.ts";
import type { IdentityPrincipal } from "../principal.ts";

/** Appends a device-to-cloud message, stamped with who sent it; resolves when it is durable (spec/semantics §10). */
export async function sendTelemetry(
  context: HubContext,
  principal: IdentityPrincipal,
  message: NewMessage,
): Promise<void> {
  const size = messageSize(message);
  if (size > maxTelemetrySize) {
    throw new HubError(
      "MessageTooLarge",
      `A message of ${keyText(principal.key)} has ${size} bytes, the limit is ${maxTelemetrySize}`,
    );
  }
  const live = context.live.get(principal.key);
  const now = context.clock.now();
  const { eventLog } = context.store;
  await eventLog.append(partitionOf(principal.key.deviceId, eventLog.partitions), {
    key: principal.key,
    body: message.body,
    system: message.system,
    application: [...message.application],
    source: "Telemetry",
    enqueuedTime: now,
    generationId: principal.generationId,
    authMethod: authMethodText(principal.auth),
    modelId: live?.modelId ?? "",
  });
  if (live !== undefined) live.lastActivityTime = now;
}

/** The same partition for a device and all of its modules (spec/semantics §10). */
export function partitionOf(deviceId: string, partitions: number): number {
  // FNV-1a, 32 bits: stable over restarts and versions.
  let hash = 0x811c9dc5;
  for (let i = 0; i < deviceId.length; i++) {
    hash = Math.imul(hash ^ deviceId.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}

function authMethodText({ scope, type }: AuthMethod): string {
  return JSON.stringify({ scope, type, issuer: "iothub", acceptingIpFilterRule: null });
}
