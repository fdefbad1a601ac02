import { HubError } from "../../domain/errors.ts";
import type { Subscription } from "../../app/ports.ts";
import { isFilter } from "./filters.ts";
import type {
  ConnectPacket,
  InboundPacket,
  PublishPacket,
  SubscribePacket,
  UnsubscribePacket,
  UnsupportedConnectPacket,
  Will,
} from "./packets.ts";
import { PacketReader, malformed } from "./packet-reader.ts";

/**
 * Reads one complete packet, as the frame guard returns it, in place: payloads are views of `packet`.
 * Throws IotHubFormatError for whatever MQTT 3.1.1 forbids and InvalidOperation for QoS 2 (spec/mqtt §1.3).
 */
export function decode(packet: Buffer): InboundPacket {
  const first = packet[0] ?? 0;
  const reader = new PacketReader(packet, bodyStart(packet));
  const flags = first & 0x0f;
  switch (first >> 4) {
    case 1:
      needFlags(flags, 0);
      return readConnect(reader);
    case 3:
      return readPublish(reader, flags);
    case 4: {
      needFlags(flags, 0);
      const packetId = reader.packetId();
      reader.end();
      return { type: "puback", packetId };
    }
    case 8:
      needFlags(flags, 2); // [MQTT-3.8.1-1]
      return readSubscribe(reader);
    case 10:
      needFlags(flags, 2); // [MQTT-3.10.1-1]
      return readUnsubscribe(reader);
    case 12:
      needFlags(flags, 0);
      reader.end();
      return { type: "pingreq" };
    case 14:
      needFlags(flags, 0); // [MQTT-3.14.1-1]
      reader.end();
      return { type: "disconnect" };
    default:
      throw malformed(`A client may not send packets of type ${first >> 4}`);
  }
}

function bodyStart(packet: Buffer): number {
  let index = 1;
  while ((packet[index] ?? 0) >= 0x80) index++;
  return index + 1;
}

function needFlags(flags: number, needed: number): void {
  // [MQTT-2.2.2-2]
  if (flags !== needed) throw malformed("The packet's flags are reserved");
}

function readPublish(reader: PacketReader, flags: number): PublishPacket {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed("QoS 3 does not exist"); // [MQTT-3.3.1-4]
  if (qos === 2) throw new HubError("InvalidOperation", "QoS 2 is not supported");
  const topic = reader.topicName();
  const packetId = qos === 0 ? 0 : reader.packetId();
  const payload = reader.rest();
  return {
    type: "publish",
    topic,
    payload,
    qos: qos === 0 ? 0 : 1,
    packetId,
    retain: (flags & 1) === 1,
  };
}

function readConnect(reader: PacketReader): ConnectPacket | UnsupportedConnectPacket {
  const protocol = reader.text();
  if (protocol === "MQIsdp") return { type: "unsupportedConnect" };
  if (protocol !== "MQTT") throw malformed("The protocol is not MQTT"); // [MQTT-3.1.2-1]
  if (reader.byte() !== 4) return { type: "unsupportedConnect" };
  const flags = reader.byte();
  if ((flags & 1) !== 0) throw malformed("The reserved flag of CONNECT is set"); // [MQTT-3.1.2-3]
  const [hasUsername, hasPassword] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0];
  if (hasPassword && !hasUsername) throw malformed("There is a password but no user name"); // [MQTT-3.1.2-22]
  const keepAlive = reader.uint16();
  const clientId = reader.text();
  const will = readWill(reader, flags);
  const username = hasUsername ? reader.text() : undefined;
  const password = hasPassword ? reader.binary() : undefined;
  reader.end();
  return {
    type: "connect",
    clientId,
    clean: (flags & 2) !== 0,
    keepAlive,
    username,
    password,
    will,
  };
}

function readWill(reader: PacketReader, flags: number): Will | undefined {
  const qos = (flags >> 3) & 3;
  const retain = (flags & 0x20) !== 0;
  if ((flags & 4) === 0) {
    // [MQTT-3.1.2-13] [MQTT-3.1.2-15]
    if (qos !== 0 || retain) throw malformed("There are will flags but no will");
    return undefined;
  }
  if (qos === 3) throw malformed("QoS 3 does not exist"); // [MQTT-3.1.2-14]
  return { topic: reader.topicName(), payload: reader.binary(), qos: qos as 0 | 1 | 2, retain };
}

function readSubscribe(reader: PacketReader): SubscribePacket {
  const packetId = reader.packetId();
  const subscriptions: Subscription[] = [];
  do {
    const filter = readFilter(reader);
    const qos = reader.byte();
    if (qos > 2) throw malformed("The QoS asked for does not exist"); // [MQTT-3-8.3-4]
    subscriptions.push({ filter, qos: qos === 0 ? 0 : 1 });
  } while (!reader.atEnd); // [MQTT-3.8.3-3] at least one
  return { type: "subscribe", packetId, subscriptions };
}

function readUnsubscribe(reader: PacketReader): UnsubscribePacket {
  const packetId = reader.packetId();
  const filters: string[] = [];
  do filters.push(readFilter(reader));
  while (!reader.atEnd); // [MQTT-3.10.3-2] at least one
  return { type: "unsubscribe", packetId, filters };
}

function readFilter(reader: PacketReader): string {
  const filter = reader.text();
  if (!isFilter(filter)) throw malformed("A topic filter is malformed");
  return filter;
}
