import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { decodePropertyBag } from "../../../wire/property-bag.ts";
import type { PublishPacket } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import type { Answer } from "../work-queue.ts";
import { acknowledge, noAnswer } from "./acknowledge.ts";

/** A message with its bag; RETAIN becomes a property, because nothing is retained (spec/mqtt §5.3). */
export function readMessage(bag: string, body: Uint8Array, retain: boolean): NewMessage {
  const { system, application } = decodePropertyBag(bag);
  if (retain) application.set("mqtt-retain", "true");
  return { body, system, application };
}

/** Device to cloud: PUBACK after the message is durable; a message that is refused ends the connection. */
export async function sendTelemetry(
  session: DeviceSession,
  packet: PublishPacket,
  bag: string,
): Promise<Answer> {
  try {
    const message = readMessage(bag, packet.payload, packet.retain);
    await session.services.hub.telemetry.send(session.principal, message);
    return acknowledge(session, packet);
  } catch (error) {
    session.fail(error);
    return noAnswer;
  }
}
