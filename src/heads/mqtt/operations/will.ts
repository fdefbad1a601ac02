import type { Log } from "../../../app/ports.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import type { Will } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import { telemetryBag } from "../topics.ts";
import { readMessage } from "./telemetry.ts";

/**
 * The message that a will becomes: telemetry of the identity with `iothub-MessageType` = `Will`. A will with
 * QoS 2 or for another topic is dropped, and the connection goes on (spec/mqtt §2.6).
 */
export function readWill(
  will: Will | undefined,
  ownTopic: string,
  identity: string,
  log: Log,
): NewMessage | undefined {
  if (will === undefined) return undefined;
  const bag = telemetryBag(will.topic, ownTopic);
  if (bag === undefined || will.qos === 2) {
    log.warn({ identity }, "a will was dropped: its topic is foreign, or its QoS is 2");
    return undefined;
  }
  // A copy: the payload is a view of network input that would otherwise live as long as the connection.
  const message = readMessage(bag, Buffer.from(will.payload), will.retain);
  return {
    ...message,
    application: new Map(message.application).set("iothub-MessageType", "Will"),
  };
}

/** Publishes the will of a connection that ended without DISCONNECT. */
export function publishWill({ services, principal, will }: DeviceSession): void {
  if (will === undefined) return;
  services.hub.telemetry.send(principal, will).catch((error: unknown) => {
    services.log.warn({ err: error, ...principal.key }, "a will could not be published");
  });
}
