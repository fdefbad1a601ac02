import { encodePingresp } from "./encode.ts";
import { publish } from "./operations/publish.ts";
import { subscribe } from "./operations/subscribe.ts";
import { unsubscribe } from "./operations/unsubscribe.ts";
import { malformed } from "./packet-reader.ts";
import type { InboundPacket } from "./packets.ts";
import type { OpenSession } from "./session.ts";
import type { WorkQueue } from "./work-queue.ts";

/**
 * One packet of an open connection, `size` bytes long. `left` hears of DISCONNECT. Throws what ends the connection.
 */
export function dispatch(
  session: OpenSession,
  work: WorkQueue,
  packet: InboundPacket,
  size: number,
  left: () => void,
): void {
  switch (packet.type) {
    case "publish":
      return publish(session, work, packet, size);
    case "subscribe":
      return work.add("session", size, () => subscribe(session, packet));
    case "unsubscribe":
      return work.add("session", size, () => unsubscribe(session, packet));
    case "pingreq":
      return session.write(encodePingresp()); // [MQTT-3.12.4-1]
    case "puback":
      return session.deliveries.acknowledged(packet.packetId);
    case "disconnect":
      return left();
    case "connect":
    case "unsupportedConnect":
      throw malformed("There was a second CONNECT"); // [MQTT-3.1.0-2]
  }
}
