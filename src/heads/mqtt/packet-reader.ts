import { isUtf8 } from "node:buffer";
import { HubError } from "../../domain/errors.ts";

/** Every violation of the protocol has this one form: MQTT 3.1.1 knows no answer but closing. */
export function malformed(message: string): HubError {
  return new HubError("IotHubFormatError", message);
}

/** Reads the fields of one complete packet; refuses to read past its end. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw tooShort();
    this.#at++;
    return value;
  }

  uint16(): number {
    const high = this.byte();
    return high * 256 + this.byte();
  }

  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw malformed("The packet id is 0"); // [MQTT-2.3.1-1]
    return id;
  }

  binary(): Buffer {
    const length = this.uint16();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw tooShort();
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  /** A UTF-8 string without U+0000. */
  text(): string {
    const length = this.uint16();
    return this.#read(length, false);
  }

  /** A topic name: a string without wild cards, of at least one character. */
  topicName(): string {
    const length = this.uint16();
    if (length === 0) throw malformed("The topic is empty"); // [MQTT-4.7.3-1]
    return this.#read(length, true);
  }

  rest(): Buffer {
    const value = this.#bytes.subarray(this.#at);
    this.#at = this.#bytes.length;
    return value;
  }

  end(): void {
    if (!this.atEnd) throw malformed("The packet is longer than its content");
  }

  #read(length: number, isTopicName: boolean): string {
    const start = this.#at;
    const end = start + length;
    const bytes = this.#bytes;
    if (end > bytes.length) throw tooShort();
    let ascii = true;
    for (let index = start; index < end; index++) {
      const byte = bytes[index] ?? 0;
      if (byte >= 0x80) ascii = false;
      else if (byte === 0) throw malformed("A string contains U+0000"); // [MQTT-1.5.3-2]
      else if (isTopicName && (byte === 0x2b || byte === 0x23))
        throw malformed("The topic contains a wild card"); // [MQTT-3.3.2-2]
    }
    this.#at = end;
    if (ascii) return bytes.toString("latin1", start, end);
    // [MQTT-1.5.3-1] Ill-formed UTF-8, halves of surrogate pairs included.
    if (!isUtf8(bytes.subarray(start, end))) throw malformed("A string is not UTF-8");
    return bytes.toString("utf8", start, end);
  }
}

function tooShort(): HubError {
  return malformed("The packet ends before its content");
}
