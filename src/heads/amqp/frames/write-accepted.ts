import { frameStartBytes, writeFrameStart } from "./frame-start.ts";
import { uintBytes, writeUint } from "./write-uint.ts";

const disposition = 0x15;
const fields = 6;
/** Settled; the state "accepted", an empty list; and no word about batches. */
const settledAccepted = Buffer.from([0x41, 0x00, 0x53, 0x24, 0x45, 0x40]);
const capacity = frameStartBytes + 1 + 2 * uintBytes + settledAccepted.length;

/** A frame that says of the deliveries from `first` to `last` that they are accepted and settled, byte for byte the library's. */
export function writeAccepted(channel: number, first: number, last: number): Buffer {
  const bytes = Buffer.allocUnsafe(capacity);
  // The role of a receiver.
  bytes[frameStartBytes] = 0x41;
  const afterFirst = writeUint(bytes, first, frameStartBytes + 1);
  const afterLast = writeUint(bytes, last, afterFirst);
  const end = afterLast + settledAccepted.copy(bytes, afterLast);
  const start = { channel, code: disposition, count: fields, fieldsEnd: end, end };
  writeFrameStart(bytes, 0, start);
  return bytes.subarray(0, end);
}
