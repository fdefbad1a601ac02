/** Length, data offset, type, channel; then the descriptor, and a list with a length of four bytes. */
export const frameStartBytes = 20;

/**
 * Begins a frame of AMQP at `at`: a performative whose `count` fields end at `fieldsEnd`, in a frame that ends at `end`.
 * The fields stand from `at + frameStartBytes` on, and whatever else is in the frame from `fieldsEnd` on.
 */
export function writeFrameStart(
  bytes: Buffer,
  at: number,
  { channel, code, count, fieldsEnd, end }: FrameStart,
): void {
  endFrame(bytes, at, end);
  bytes[at + 4] = 2;
  bytes[at + 5] = 0;
  bytes.writeUInt16BE(channel, at + 6);
  bytes[at + 8] = 0x00;
  bytes[at + 9] = 0x53;
  bytes[at + 10] = code;
  bytes[at + 11] = 0xd0;
  bytes.writeUInt32BE(fieldsEnd - at - 16, at + 12);
  bytes.writeUInt32BE(count, at + 16);
}

/** Lets the frame that begins at `start` go on to `end`. */
export function endFrame(bytes: Buffer, start: number, end: number): void {
  bytes.writeUInt32BE(end - start, start);
}

interface FrameStart {
  readonly channel: number;
  /** The performative's descriptor. */
  readonly code: number;
  readonly count: number;
  readonly fieldsEnd: number;
  readonly end: number;
}
