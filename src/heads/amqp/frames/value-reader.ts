/**
 * Steps over encoded AMQP values in place, without an object for each. Every step checks that the value ends within the
 * bytes; what is of another type, or does not end there, makes it `failed` for good, and is left to the library.
 */
export class ValueReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  failed = false;

  /** Reads `bytes` from `start` to `end`, which lie within them. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Where the next value begins. */
  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** A small descriptor, as all known clients write the descriptors of AMQP itself; -1 for any other thing. */
  descriptor(): number {
    if (this.#byte() !== 0x00 || this.#byte() !== 0x53) return this.fail();
    return this.#byte();
  }

  /**
   * The number of items of a list, or of keys and values of a map. What `ends` is called with afterwards says whether they
   * end where the list has said.
   */
  list(): Compound {
    const code = this.#byte();
    if (code === 0x45) return { count: 0, end: this.#at };
    return this.#compound(code, 0xc0, 0xd0);
  }

  map(): Compound {
    return this.#compound(this.#byte(), 0xc1, 0xd1);
  }

  /** All items of a compound value have been read. */
  ends({ end }: Compound): void {
    if (this.#at !== end) this.fail();
  }

  /** An unsigned integer of up to 32 bits; undefined for null. */
  uint(): number | undefined {
    const code = this.#byte();
    switch (code) {
      case 0x40:
        return undefined;
      case 0x43:
        return 0;
      case 0x52:
        return this.#byte();
      case 0x70:
        return this.#uint32();
      default:
        return this.fail();
    }
  }

  /** A boolean without a value behind it; undefined for null. */
  flag(): boolean | undefined {
    const code = this.#byte();
    if (code === 0x41 || code === 0x42) return code === 0x41;
    if (code !== 0x40) this.fail();
    return undefined;
  }

  /** A string or symbol; undefined for null. */
  text(): string | undefined {
    const code = this.#byte();
    switch (code) {
      case 0x40:
        return undefined;
      case 0xa1:
        return this.#text("utf8", this.#byte());
      case 0xa3:
        return this.#text("ascii", this.#byte());
      case 0xb1:
        return this.#text("utf8", this.#uint32());
      case 0xb3:
        return this.#text("ascii", this.#uint32());
      default:
        this.fail();
        return undefined;
    }
  }

  /** Steps over binary data and says where it began, -1 for null; it ends at `position`. */
  binary(): number {
    const code = this.#byte();
    if (code === 0x40) return -1;
    if (code !== 0xa0 && code !== 0xb0) return this.fail();
    const length = code === 0xa0 ? this.#byte() : this.#uint32();
    const start = this.#at;
    this.#skip(length);
    return start;
  }

  /** Binary data that is a text in UTF-8; undefined for null. */
  binaryText(): string | undefined {
    const start = this.binary();
    return start < 0 ? undefined : this.#bytes.toString("utf8", start, this.#at);
  }

  /** Steps over a timestamp or null. */
  skipTime(): void {
    const code = this.#byte();
    if (code === 0x83) this.#skip(8);
    else if (code !== 0x40) this.fail();
  }

  /** Steps over a boolean, an unsigned integer of up to 32 bits, or null. */
  skipSmall(): void {
    const code = this.#byte();
    if (code === 0x50 || code === 0x52 || code === 0x56) this.#skip(1);
    else if (code === 0x70) this.#skip(4);
    else if (code < 0x40 || code > 0x43) this.fail();
  }

  #compound(code: number, short: number, long: number): Compound {
    if (code !== short && code !== long) return { count: this.fail(), end: -1 };
    const size = code === short ? this.#byte() : this.#uint32();
    const end = this.#at + size;
    const count = code === short ? this.#byte() : this.#uint32();
    // Each item has a byte at the least.
    if (end > this.#end || count > size) this.fail();
    return { count, end };
  }

  #text(encoding: "utf8" | "ascii", length: number): string | undefined {
    const start = this.#at;
    this.#skip(length);
    return this.failed ? undefined : this.#bytes.toString(encoding, start, this.#at);
  }

  #skip(length: number): void {
    if (this.#at + length > this.#end) this.fail();
    else this.#at += length;
  }

  #uint32(): number {
    const at = this.#at;
    if (at + 4 > this.#end) return this.fail();
    this.#at = at + 4;
    return this.#bytes.readUInt32BE(at);
  }

  #byte(): number {
    if (this.#at >= this.#end) return this.fail();
    return this.#bytes[this.#at++] ?? 0;
  }

  /** Leaves all of it to the library: from here on there is nothing to read. */
  fail(): -1 {
    this.failed = true;
    this.#at = this.#end;
    return -1;
  }
}

/** A list or a map: how many values it holds, and where it says that they end. */
export interface Compound {
  readonly count: number;
  readonly end: number;
}
