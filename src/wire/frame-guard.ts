import { HubError } from "../domain/errors.ts";

const noBytes: Buffer = Buffer.alloc(0);

/** The type byte and at most four length bytes (MQTT 3.1.1 §2.2.3). */
const maxHeaderBytes = 5;

/** The first allocation for a packet that is spread over several chunks; doubled as bytes arrive. */
const firstAllocation = 256;

/**
 * Cuts a byte stream into complete MQTT packets, by the length that each one declares.
 *
 * A packet that lies within one chunk is returned as a view of that chunk; one that is spread over chunks is
 * gathered in a buffer that doubles as bytes arrive, so that a declared length alone costs no memory and one byte
 * per chunk costs linear time. Holds what was pushed and not yet taken, and one packet of at most `limit` bytes.
 */
export class FrameGuard {
  /** The largest packet in bytes, its header included, that is let through; may be changed between packets. */
  limit: number;

  /** Where the packet that `advance` has found lies: from `start` to `end` in `bytes`, which never change again. */
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;

  readonly #waiting: Buffer[] = [];
  #chunk: Buffer = noBytes;
  #at = 0;
  #gathered: Buffer = noBytes;
  #have = 0;
  /** The whole length of the packet being gathered; 0 while its header is incomplete. */
  #want = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  push(chunk: Buffer): void {
    if (this.#at === this.#chunk.length) {
      this.#chunk = chunk;
      this.#at = 0;
    } else {
      this.#waiting.push(chunk);
    }
  }

  /** Bytes that are held: not yet taken, or gathered for an incomplete packet. */
  get heldBytes(): number {
    const waiting = this.#waiting.reduce((sum, chunk) => sum + chunk.length, 0);
    return this.#chunk.length - this.#at + waiting + this.#have;
  }

  /** Forgets everything that was pushed. */
  clear(): void {
    this.#waiting.length = 0;
    this.#chunk = noBytes;
    this.#at = 0;
    this.#dropGathered();
    this.#found(noBytes, 0, 0);
  }

  /**
   * The next complete packet with its header, or nothing until more bytes have been pushed.
   * Throws MessageTooLarge for a declared length above the limit and IotHubFormatError for a length of more than
   * four bytes, in both cases before the packet has been buffered; the stream is unusable afterwards.
   */
  next(): Buffer | undefined {
    return this.advance() ? this.packet() : undefined;
  }

  /** Like `next`, without a view: the packet is where `bytes`, `start` and `end` say. Hot: a view costs as much as the rest. */
  advance(): boolean {
    while (this.#at < this.#chunk.length || this.#takeWaiting()) {
      if (this.#have === 0 ? this.#nextInPlace() : this.#gather()) return true;
    }
    // An idle connection holds no chunk.
    this.#found(noBytes, 0, 0);
    return false;
  }

  /** A view of the packet that `advance` has found. */
  packet(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  #takeWaiting(): boolean {
    const next = this.#waiting.shift();
    this.#chunk = next ?? noBytes;
    this.#at = 0;
    return next !== undefined;
  }

  #found(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  #nextInPlace(): boolean {
    const start = this.#at;
    const size = packetSize(this.#chunk, start, this.#chunk.length);
    if (size > 0) {
      this.#check(size);
      const end = start + size;
      if (end <= this.#chunk.length) {
        this.#at = end;
        this.#found(this.#chunk, start, end);
        return true;
      }
    }
    this.#want = size;
    this.#append(this.#chunk.length - start);
    return false;
  }

  #gather(): boolean {
    while (this.#want === 0) {
      if (this.#at === this.#chunk.length) return false;
      this.#append(1);
      this.#want = packetSize(this.#gathered, 0, this.#have);
      this.#check(this.#want);
    }
    this.#append(Math.min(this.#want - this.#have, this.#chunk.length - this.#at));
    if (this.#have < this.#want) return false;
    this.#found(this.#gathered, 0, this.#want);
    this.#dropGathered();
    return true;
  }

  #append(count: number): void {
    const needed = this.#have + count;
    if (needed > this.#gathered.length) {
      const target = Math.max(needed, this.#gathered.length * 2, firstAllocation);
      const size = this.#want === 0 ? target : Math.max(needed, Math.min(target, this.#want));
      const larger = Buffer.allocUnsafeSlow(size);
      this.#gathered.copy(larger, 0, 0, this.#have);
      this.#gathered = larger;
    }
    this.#chunk.copy(this.#gathered, this.#have, this.#at, this.#at + count);
    this.#at += count;
    this.#have = needed;
  }

  #dropGathered(): void {
    this.#gathered = noBytes;
    this.#have = 0;
    this.#want = 0;
  }

  #check(size: number): void {
    if (size <= this.limit) return;
    throw new HubError(
      "MessageTooLarge",
      `The packet declares ${size} bytes, more than the limit of ${this.limit}`,
    );
  }
}

/** The size of the packet at `start` with its header, or 0 if the bytes before `end` do not tell yet. */
function packetSize(bytes: Buffer, start: number, end: number): number {
  let length = 0;
  for (let index = 1; index < maxHeaderBytes; index++) {
    if (start + index >= end) return 0;
    const byte = bytes[start + index] ?? 0;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if (byte < 0x80) return index + 1 + length;
  }
  // [MQTT-2.2.3] The length field has at most four bytes.
  throw new HubError("IotHubFormatError", "The packet's remaining length has more than four bytes");
}
