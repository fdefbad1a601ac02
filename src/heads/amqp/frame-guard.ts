import { HubError } from "../../domain/errors.ts";

const noBytes: Buffer = Buffer.alloc(0);
/** "AMQP" read as a number: no frame that is allowed is as long as that, so a header can be told from a frame. */
const headerMark = 0x414d5150;
const headerBytes = 8;
const lengthBytes = 4;
/** An empty frame: its length, offset, type and channel. */
const smallestFrame = 8;
const firstAllocation = 512;
/** Room for a whole frame is made when one part of so many has come. */
const wideness = 4;

/**
 * Cuts a byte stream into protocol headers (8 bytes) and complete AMQP or SASL frames, by the length that each one
 * declares. A declared length alone costs no memory: bytes are gathered in a buffer that doubles as they arrive, and has the
 * size of the frame once a quarter of it is there.
 * Holds what was pushed and not yet taken, and one frame of at most `limit` bytes.
 */
export class FrameGuard {
  /** The largest frame in bytes that is let through; may be changed between frames. */
  limit: number;
  readonly #waiting: Buffer[] = [];
  #chunk: Buffer = noBytes;
  #at = 0;
  #gathered: Buffer = noBytes;
  #have = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  push(chunk: Buffer): void {
    this.#waiting.push(chunk);
  }

  /** Forgets everything that was pushed. */
  clear(): void {
    this.#waiting.length = 0;
    this.#chunk = noBytes;
    this.#at = 0;
    this.#gathered = noBytes;
    this.#have = 0;
  }

  /**
   * The next header or frame, or nothing until more bytes have been pushed. Throws MessageTooLarge for a declared
   * length above the limit and IotHubFormatError for one below 8, before anything has been buffered; the stream is
   * unusable afterwards.
   */
  next(): Buffer | undefined {
    while (this.#at < this.#chunk.length || this.#takeWaiting()) {
      const frame = this.#have === 0 ? this.#nextInPlace() : this.#gather();
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  #takeWaiting(): boolean {
    const next = this.#waiting.shift();
    this.#chunk = next ?? noBytes;
    this.#at = 0;
    return next !== undefined;
  }

  #nextInPlace(): Buffer | undefined {
    const left = this.#chunk.length - this.#at;
    if (left >= lengthBytes) {
      const size = this.#sizeOf(this.#chunk.readUInt32BE(this.#at));
      if (size <= left) {
        const frame = this.#chunk.subarray(this.#at, this.#at + size);
        this.#at += size;
        return frame;
      }
      this.#append(left, size);
      return undefined;
    }
    this.#append(left);
    return undefined;
  }

  #gather(): Buffer | undefined {
    if (this.#have < lengthBytes) {
      this.#append(Math.min(lengthBytes - this.#have, this.#chunk.length - this.#at));
      if (this.#have < lengthBytes) return undefined;
    }
    const size = this.#sizeOf(this.#gathered.readUInt32BE(0));
    this.#append(Math.min(size - this.#have, this.#chunk.length - this.#at), size);
    if (this.#have < size) return undefined;
    const frame = this.#gathered.subarray(0, size);
    this.#gathered = noBytes;
    this.#have = 0;
    return frame;
  }

  /** `size`: of the frame, if it is known yet. */
  #append(count: number, size = 0): void {
    const needed = this.#have + count;
    if (needed > this.#gathered.length) {
      const doubled = Math.max(this.#gathered.length * 2, firstAllocation);
      const wanted = size <= needed * wideness ? size : Math.min(doubled, this.limit);
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, wanted));
      this.#gathered.copy(larger, 0, 0, this.#have);
      this.#gathered = larger;
    }
    this.#chunk.copy(this.#gathered, this.#have, this.#at, this.#at + count);
    this.#at += count;
    this.#have = needed;
  }

  #sizeOf(declared: number): number {
    if (declared === headerMark) return headerBytes;
    if (declared > this.limit)
      throw new HubError(
        "MessageTooLarge",
        `A frame declares ${declared} bytes, more than the limit of ${this.limit}`,
      );
    if (declared < smallestFrame)
      throw new HubError("IotHubFormatError", `A frame declares ${declared} bytes, less than 8`);
    return declared;
  }
}

/** The protocol id of a header for version 1.0.0: 0 for AMQP, 3 for SASL; `null` for any other or for a frame. */
export function protocolOf(bytes: Buffer): number | null {
  const isHeader = bytes.length === headerBytes && bytes.readUInt32BE(0) === headerMark;
  if (!isHeader || bytes[5] !== 1 || bytes[6] !== 0 || bytes[7] !== 0) return null;
  return bytes[4] ?? null;
}

export function isHeader(bytes: Buffer): boolean {
  return bytes.readUInt32BE(0) === headerMark;
}

export function header(protocol: 0 | 3): Buffer {
  return Buffer.from([0x41, 0x4d, 0x51, 0x50, protocol, 1, 0, 0]);
}
