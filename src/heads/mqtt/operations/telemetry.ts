import { type Fault, type FaultType, readFault } from "../../../domain/messages/fault.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { decodePropertyBag } from "../../../wire/property-bag.ts";
import type { PublishPacket } from "../packets.ts";
import type { DeviceSession, OpenSession } from "../session.ts";
import type { Answer } from "../work-queue.ts";
import { acknowledge, noAnswer } from "./acknowledge.ts";

/** A message with its bag; RETAIN becomes a property, because nothing is retained (spec/mqtt §5.3). */
export function readMessage(bag: string, body: Uint8Array, retain: boolean): NewMessage {
  const { system, application } = decodePropertyBag(bag);
  if (retain) application.set("mqtt-retain", "true");
  return { body, system, application };
}

/** Faults of this protocol; the others are ordinary messages here (spec/mqtt §14). */
const faults: ReadonlySet<FaultType> = new Set<FaultType>([
  "KillTcp",
  "ShutDownMqtt",
  "InvokeThrottling",
  "InvokeMaxMessageQuota",
  "InvokeAuthError",
]);

/**
 * Device to cloud: PUBACK after the message is durable; a message that is refused ends the connection. One that asks
 * for a fault is neither kept nor acknowledged. Hot: one promise for each message, and no more.
 */
export function sendTelemetry(
  session: OpenSession,
  packet: PublishPacket,
  bag: string,
): Answer | Promise<Answer> {
  const message = readMessage(bag, packet.payload, packet.retain);
  const fault = faultOf(session, message);
  if (fault !== null) {
    session.inject(fault);
    return noAnswer;
  }
  if (!packet.retain) session.burst.seen(packet.topic, message);
  return session.services.hub.telemetry.send(session.principal, message).then(
    () => acknowledge(session, packet),
    (error: unknown) => {
      session.fail(error);
      return noAnswer;
    },
  );
}

function faultOf({ services }: DeviceSession, { application }: NewMessage): Fault | null {
  const fault = services.faultInjection ? readFault(application) : null;
  return fault !== null && faults.has(fault.type) ? fault : null;
}
