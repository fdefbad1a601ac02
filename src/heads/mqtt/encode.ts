import type { ConnackCode } from "./packets.ts";

const pingresp = Buffer.of(0xd0, 0x00);

/** PINGRESP: `d0 00`. */
export function encodePingresp(): Buffer {
  return pingresp;
}

/** CONNACK: a refusal never says that a session is present [MQTT-3.2.2-4]. */
export function encodeConnack(code: ConnackCode, sessionPresent: boolean): Buffer {
  return Buffer.of(0x20, 2, code === 0 && sessionPresent ? 1 : 0, code);
}

export function encodePuback(packetId: number): Buffer {
  return acknowledgement(0x40, packetId);
}

/** PUBACKs in the order of their PUBLISHes, one behind the other. */
export function encodePubacks(packetIds: readonly number[]): Buffer {
  const packets = Buffer.allocUnsafe(4 * packetIds.length);
  let at = 0;
  for (const packetId of packetIds) {
    packets[at++] = 0x40;
    packets[at++] = 2;
    packets[at++] = packetId >> 8;
    packets[at++] = packetId & 0xff;
  }
  return packets;
}

export function encodeUnsuback(packetId: number): Buffer {
  return acknowledgement(0xb0, packetId);
}

/** SUBACK with one granted QoS per filter, in order; at most 125 filters. */
export function encodeSuback(packetId: number, granted: readonly (0 | 1)[]): Buffer {
  return Buffer.of(
    0x90,
    ...lengthBytes(2 + granted.length),
    packetId >> 8,
    packetId & 0xff,
    ...granted,
  );
}

function acknowledgement(type: number, packetId: number): Buffer {
  const packet = Buffer.allocUnsafe(4);
  packet[0] = type;
  packet[1] = 2;
  packet[2] = packetId >> 8;
  packet[3] = packetId & 0xff;
  return packet;
}

/** How a message is delivered; QoS 0 has no packet id. */
export type Delivery =
  | { readonly qos: 0 }
  | { readonly qos: 1; readonly packetId: number; readonly dup: boolean };

const atMostOnce: Delivery = { qos: 0 };

/** PUBLISH without RETAIN. `topic` is at most 65,535 bytes of UTF-8. */
export function encodePublish(
  topic: string,
  payload: string | Uint8Array,
  delivery: Delivery = atMostOnce,
): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const payloadBytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
  const remaining = 2 + topicBytes + (delivery.qos === 0 ? 0 : 2) + payloadBytes;
  const packet = Buffer.allocUnsafe(1 + lengthSize(remaining) + remaining);
  packet[0] = 0x30 | (delivery.qos << 1) | (delivery.qos === 1 && delivery.dup ? 8 : 0);
  let at = 1;
  for (let left = remaining; left > 0; left >>= 7)
    packet[at++] = left > 0x7f ? (left & 0x7f) | 0x80 : left;
  at = packet.writeUInt16BE(topicBytes, at);
  at += packet.write(topic, at);
  if (delivery.qos === 1) at = packet.writeUInt16BE(delivery.packetId, at);
  if (typeof payload === "string") packet.write(payload, at);
  else packet.set(payload, at);
  return packet;
}

/** Bytes of a remaining length, which is not 0. */
function lengthSize(length: number): number {
  return length < 0x80 ? 1 : length < 0x40_00 ? 2 : length < 0x20_00_00 ? 3 : 4;
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = [];
  let left = length;
  do {
    const low = left & 0x7f;
    left >>= 7;
    bytes.push(left > 0 ? low | 0x80 : low);
  } while (left > 0);
  return bytes;
}
