import { ValueReader } from "./value-reader.ts";

/** A message that came in one transfer, unsettled and in no format of its own, as almost all do. */
export interface Transfer {
  readonly channel: number;
  readonly handle: number;
  readonly deliveryId: number;
  /** Where in the frame the message begins; it goes on to the frame's end. */
  readonly start: number;
}

const headerBytes = 8;
/** Fields of a transfer (AMQP 1.0 §2.7.5). */
const maxFields = 11;

/**
 * Reads the frame of a transfer in place. Undefined for any other frame, and for a transfer that is settled, one of several
 * for a message, resumed, aborted, in another format or out of the ordinary in any way: those are the library's.
 */
export function readTransfer(frame: Buffer): Transfer | undefined {
  // Length, a header of two words, type AMQP, then the descriptor: other frames are told apart by one byte.
  if (frame[10] !== 0x14 || frame[4] !== 2 || frame[5] !== 0) return undefined;
  const reader = new ValueReader(frame, headerBytes, frame.length);
  reader.descriptor();
  const fields = reader.list();
  const { count } = fields;
  if (count < 3 || count > maxFields) return undefined;
  const handle = reader.uint();
  const deliveryId = reader.uint();
  const tag = reader.binary();
  if (count > 3 && (reader.uint() ?? 0) !== 0) return undefined;
  for (let field = 4; field < count; field++) {
    // The receiver's settle mode and the state have no place in a first transfer; all others are flags.
    const isSet = field === 6 || field === 7 ? reader.uint() !== undefined : reader.flag();
    if (isSet === true && field !== batchableAt) return undefined;
  }
  reader.ends(fields);
  if (reader.failed || tag < 0 || handle === undefined || deliveryId === undefined)
    return undefined;
  const channel = frame.readUInt16BE(6);
  return { channel, handle, deliveryId, start: reader.position };
}

/** A hint that the hub may ignore. */
const batchableAt = 10;
