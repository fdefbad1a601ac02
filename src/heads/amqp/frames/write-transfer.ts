import { frameStartBytes, writeFrameStart } from "./frame-start.ts";
import { uintBytes, writeUint } from "./write-uint.ts";

const transfer = 0x14;
const fields = 11;
/** In the message format 0, settled, not to be continued; and no word about the other fields. */
const settledWhole = Buffer.from([0x43, 0x41, 0x42, 0x40, 0x40, 0x40, 0x40, 0x40]);
/** Bytes of a delivery tag. */
export const tagBytes = 16;
/** Of a tag: its type and length, and twelve bytes that are always zero; the number of the message follows. */
const tagStart = Buffer.from([0xa0, tagBytes, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** The most bytes that stand before the message in the frame of a transfer. */
export const transferRoom =
  frameStartBytes + 2 * uintBytes + tagStart.length + 4 + settledWhole.length;

/** Of one message on one link. */
export interface SettledTransfer {
  readonly channel: number;
  readonly handle: number;
  readonly deliveryId: number;
  /** The tag, as a number of 32 bits. */
  readonly tag: number;
}

/**
 * Begins the frame of a transfer that is settled already at `start`, byte for byte the library's, and says where its message
 * goes. `endFrame` follows the message.
 */
export function beginTransfer(
  bytes: Buffer,
  start: number,
  { channel, handle, deliveryId, tag }: SettledTransfer,
): number {
  let at = writeUint(bytes, handle, start + frameStartBytes);
  at = writeUint(bytes, deliveryId, at);
  bytes.set(tagStart, at);
  at = bytes.writeUInt32BE(tag, at + tagStart.length);
  bytes.set(settledWhole, at);
  const fieldsEnd = at + settledWhole.length;
  const code = transfer;
  writeFrameStart(bytes, start, { channel, code, count: fields, fieldsEnd, end: fieldsEnd });
  return fieldsEnd;
}
