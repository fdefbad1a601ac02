import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { ValueReader } from "../frames/value-reader.ts";
import { type NewProperties, addProperty } from "./new-message.ts";

/** What stands before the body says the same for most messages of a sender; longer ones are read each time. */
const maxKnownBytes = 1024;

/** Section codes (AMQP 1.0 §3.2). */
const header = 0x70;
const annotations = 0x72;
const properties = 0x73;
const application = 0x74;
const data = 0x75;
/** Fields of the properties. */
const maxProperties = 13;

type Envelope = Pick<NewMessage, "system" | "application">;

/**
 * Reads telemetry in place: the sections of messages as devices send them, with texts as properties and the body in one
 * data section. While the bytes before the body stay the same, what they say is not read again: messages share it.
 * One for each link; keeps up to `maxKnownBytes`.
 */
export class TelemetryReader {
  #known: Buffer | undefined;
  #knownLength = 0;
  #envelope: Envelope = { system: {}, application: new Map() };

  /**
   * The message from `start` to the end of `bytes`, which lies within them; its body is a view of them. Undefined for what
   * is out of the ordinary or malformed: that is for `decodeMessage` to judge.
   */
  read(bytes: Buffer, start: number): NewMessage | undefined {
    const reader = this.#isKnownAt(bytes, start)
      ? new ValueReader(bytes, start + this.#knownLength, bytes.length)
      : this.#readEnvelope(bytes, start);
    const from = reader.binary();
    if (reader.failed || from < 0 || !reader.atEnd) return undefined;
    const body = new Uint8Array(bytes.buffer, bytes.byteOffset + from, bytes.length - from);
    return { body, system: this.#envelope.system, application: this.#envelope.application };
  }

  #isKnownAt(bytes: Buffer, start: number): boolean {
    const known = this.#known;
    const length = this.#knownLength;
    if (known === undefined || length === 0 || start + length > bytes.length) return false;
    return known.compare(bytes, start, start + length, 0, length) === 0;
  }

  /** Up to the value of the data section. */
  #readEnvelope(bytes: Buffer, start: number): ValueReader {
    const reader = new ValueReader(bytes, start, bytes.length);
    this.#envelope = readSections(reader);
    this.#remember(bytes, start, reader);
    return reader;
  }

  #remember(bytes: Buffer, start: number, reader: ValueReader): void {
    const length = reader.position - start;
    this.#knownLength = 0;
    if (reader.failed || length > maxKnownBytes) return;
    if (this.#known === undefined || this.#known.length < length)
      this.#known = Buffer.allocUnsafeSlow(length);
    bytes.copy(this.#known, 0, start, start + length);
    this.#knownLength = length;
  }
}

/** Sections in the order that AMQP gives them, each at most once, up to the descriptor of the data. */
function readSections(reader: ValueReader): Envelope {
  const system: NewProperties = {};
  const named = new Map<string, string | null>();
  let last = 0;
  for (;;) {
    const code = reader.descriptor();
    if (code <= last) reader.fail();
    last = code;
    switch (code) {
      case header:
        readHeader(reader);
        break;
      case annotations:
        readTexts(reader, (name, value) => addAnnotation(system, name, value));
        break;
      case properties:
        readProperties(reader, system);
        break;
      case application:
        readTexts(reader, (name, value) => addProperty(system, named, name, value));
        break;
      case data:
        return { system, application: named };
      default:
        reader.fail();
    }
    if (reader.failed) return { system, application: named };
  }
}

/** Nothing of it is kept. */
function readHeader(reader: ValueReader): void {
  const fields = reader.list();
  for (let field = 0; field < fields.count && !reader.failed; field++) reader.skipSmall();
  reader.ends(fields);
}

function readTexts(reader: ValueReader, add: (name: string, value: string | null) => void): void {
  const entries = reader.map();
  if (entries.count % 2 === 1) reader.fail();
  for (let entry = 0; entry < entries.count && !reader.failed; entry += 2) {
    const name = reader.text();
    const value = reader.text();
    if (name === undefined) reader.fail();
    else if (!reader.failed) add(name, value ?? null);
  }
  reader.ends(entries);
}

/** Names that the hub reads; the others stay with the sender. */
function addAnnotation(system: NewProperties, name: string, value: string | null): void {
  if (name === "iothub-interface-id") system.interfaceId = value ?? undefined;
  else if (name === "dt-subject") system.component = value ?? undefined;
}

/** Fields of AMQP 1.0 §3.2.4, those that the hub keeps. */
function readProperties(reader: ValueReader, system: NewProperties): void {
  const fields = reader.list();
  if (fields.count > maxProperties) reader.fail();
  for (let field = 0; field < fields.count && !reader.failed; field++)
    readProperty(reader, system, field);
  reader.ends(fields);
}

function readProperty(reader: ValueReader, system: NewProperties, field: number): void {
  switch (field) {
    case 0:
      system.messageId = reader.text();
      return;
    case 1:
      system.userId = reader.binaryText();
      return;
    case 5:
      system.correlationId = reader.text();
      return;
    case 6:
      system.contentType = reader.text();
      return;
    case 7:
      system.contentEncoding = reader.text();
      return;
    case 8:
    case 9:
      return reader.skipTime();
    case 11:
      return reader.skipSmall();
    default:
      reader.text();
  }
}
