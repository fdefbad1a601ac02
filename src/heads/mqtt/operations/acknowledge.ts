import { encodePuback } from "../encode.ts";
import type { PublishPacket } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import type { Answer } from "../work-queue.ts";

export const noAnswer: Answer = () => {};

/** PUBACK for QoS 1, nothing for QoS 0. */
export function acknowledge(session: DeviceSession, { qos, packetId }: PublishPacket): Answer {
  return qos === 0 ? noAnswer : () => session.write(encodePuback(packetId));
}
