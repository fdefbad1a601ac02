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

/** What has to be free before a message, so that the frame of its transfer can begin there. */
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
 * Makes a message that follows `transferRoom` bytes the frame of a transfer that is settled already, byte for byte the
 * library's, and gives back the frame: the end of `bytes`.
 */
export function writeTransfer(
  bytes: Buffer,
  { channel, handle, deliveryId, tag }: SettledTransfer,
): Buffer {
  // Ids take one to five bytes: the frame begins where it has to, so that its fields end where the message begins.
  const idsBytes = uintLength(handle) + uintLength(deliveryId);
  const start =
    transferRoom - (frameStartBytes + idsBytes + tagStart.length + 4 + settledWhole.length);
  let at = writeUint(bytes, handle, start + frameStartBytes);
  at = writeUint(bytes, deliveryId, at);
  at += tagStart.copy(bytes, at);
  at = bytes.writeUInt32BE(tag, at);
  settledWhole.copy(bytes, at);
  writeFrameStart(bytes, start, {
    channel,
    code: transfer,
    count: fields,
    fieldsEnd: transferRoom,
    end: bytes.length,
  });
  return bytes.subarray(start);
}

function uintLength(value: number): number {
  if (value === 0) return 1;
  return value <= 255 ? 2 : uintBytes;
}
