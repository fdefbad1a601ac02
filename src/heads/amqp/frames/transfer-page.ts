import { ByteWriter } from "../codec/byte-writer.ts";
import { endFrame } from "./frame-start.ts";
import { type SettledTransfer, beginTransfer, transferRoom } from "./write-transfer.ts";

/** Writes messages of one kind. */
export interface MessageEncoder<T> {
  /** The most bytes that `write` needs for a message. */
  capacityOf(message: T): number;
  write(writer: ByteWriter, message: T): void;
}

/** What a page may hold before it has to leave. */
const pageBytes = 131_072;

/** Where pages are written before they leave as a copy of their own size. Nothing outlives the call that writes a page. */
let desk: Buffer | undefined;

/** Transfers that leave together: frame behind frame in one piece. Holds `pageBytes` and one message. */
export class TransferPage<T> {
  readonly #encoder: MessageEncoder<T>;
  #bytes: Buffer;
  #end = 0;
  /** Where the last frame begins. */
  #last = 0;

  constructor(encoder: MessageEncoder<T>) {
    this.#encoder = encoder;
    this.#bytes = desk ??= Buffer.allocUnsafeSlow(2 * pageBytes);
  }

  get isEmpty(): boolean {
    return this.#end === 0;
  }

  get isFull(): boolean {
    return this.#end >= pageBytes;
  }

  /** An empty page has room for any message. */
  hasRoomFor(message: T): boolean {
    return this.isEmpty || this.#end + this.#needed(message) <= this.#bytes.length;
  }

  /** Adds the frame of a message and says how many bytes the message has. */
  add(transfer: SettledTransfer, message: T): number {
    const needed = this.#needed(message);
    if (needed > this.#bytes.length - this.#end) this.#bytes = Buffer.allocUnsafeSlow(needed);
    const start = this.#end;
    const writer = new ByteWriter(this.#bytes, beginTransfer(this.#bytes, start, transfer));
    const { at } = writer;
    this.#encoder.write(writer, message);
    endFrame(this.#bytes, start, writer.at);
    this.#last = start;
    this.#end = writer.at;
    return writer.at - at;
  }

  /** Takes the last frame away. */
  drop(): void {
    this.#end = this.#last;
  }

  /** A message without a frame, in bytes of its own. */
  encode(message: T): Buffer {
    const writer = new ByteWriter(Buffer.allocUnsafe(this.#encoder.capacityOf(message)));
    this.#encoder.write(writer, message);
    return writer.bytes.subarray(0, writer.at);
  }

  /** All frames, in bytes of their own; the page is empty then. */
  take(): Buffer {
    const frames = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    return frames;
  }

  #needed(message: T): number {
    return transferRoom + this.#encoder.capacityOf(message);
  }
}
