import { argumentInvalid } from "../../../domain/errors.ts";
import { rhea } from "../rhea/library.ts";
import type { RheaTyped } from "../rhea/types.ts";
import type { AmqpMessage, Annotations, Body, MessageId } from "./message.ts";
import { type AmqpValue, Uuid } from "./values.ts";

const { types } = rhea;

type Writable<T> = { -readonly [name in keyof T]: T[name] };

/** Section codes by their symbolic descriptors, which a peer may use instead. */
const codes: ReadonlyMap<string, number> = new Map([
  ["amqp:header:list", 0x70],
  ["amqp:delivery-annotations:map", 0x71],
  ["amqp:message-annotations:map", 0x72],
  ["amqp:properties:list", 0x73],
  ["amqp:application-properties:map", 0x74],
  ["amqp:data:binary", 0x75],
  ["amqp:amqp-sequence:list", 0x76],
  ["amqp:value:*", 0x77],
  ["amqp:footer:map", 0x78],
]);

/** Reads the sections of a message. Throws ArgumentInvalid for bytes that are none. */
export function decodeMessage(bytes: Uint8Array): AmqpMessage {
  try {
    return readSections(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(";", " ") : "?";
    throw argumentInvalid(`The message is malformed: ${reason}`);
  }
}

function readSections(bytes: Uint8Array): AmqpMessage {
  const reader = new types.Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  let message: Writable<AmqpMessage> = { body: { kind: "none" } };
  while (reader.remaining() > 0) {
    const section = reader.read();
    const descriptor = section.descriptor?.value;
    const code = typeof descriptor === "string" ? codes.get(descriptor) : descriptor;
    switch (code) {
      case 0x70:
      case 0x78:
        break;
      case 0x71:
        message.deliveryAnnotations = readMap(section);
        break;
      case 0x72:
        message.annotations = readMap(section);
        break;
      case 0x73:
        message = { ...message, ...readProperties(section) };
        break;
      case 0x74:
        message.application = readMap(section);
        break;
      case 0x75:
      case 0x76:
      case 0x77:
        message.body = addToBody(message.body, code, section);
        break;
      default:
        throw new Error("a section has an unknown descriptor");
    }
  }
  return message;
}

function addToBody(body: Body, code: 0x75 | 0x76 | 0x77, section: RheaTyped): Body {
  if (code === 0x77) return { kind: "value", value: plain(section) };
  if (code === 0x76) return { kind: "sequence" };
  const bytes = section.value;
  if (!Buffer.isBuffer(bytes)) throw new Error("a data section holds no binary");
  return { kind: "data", sections: body.kind === "data" ? [...body.sections, bytes] : [bytes] };
}

function readProperties(section: RheaTyped): Partial<AmqpMessage> {
  if (!Array.isArray(section.value)) throw new Error("the properties are no list");
  const fields = section.value as readonly (RheaTyped | undefined)[];
  const text = (index: number): string | undefined => {
    const { value } = fields[index] ?? {};
    return typeof value === "string" ? value : undefined;
  };
  const time = (index: number): number | undefined => {
    const { value } = fields[index] ?? {};
    const milliseconds = value instanceof Date ? value.getTime() : Number.NaN;
    return Number.isNaN(milliseconds) ? undefined : milliseconds;
  };
  const userId = fields[1]?.value;
  return {
    messageId: readId(fields[0]),
    userId: Buffer.isBuffer(userId) ? userId : undefined,
    to: text(2),
    subject: text(3),
    replyTo: text(4),
    correlationId: readId(fields[5]),
    contentType: text(6),
    contentEncoding: text(7),
    absoluteExpiryTime: time(8),
    creationTime: time(9),
  };
}

function readId(field: RheaTyped | undefined): MessageId | undefined {
  const value = field === undefined ? null : plain(field);
  if (typeof value === "string") return { type: "string", value };
  if (isUlong(field) && (typeof value === "number" || typeof value === "bigint"))
    return { type: "ulong", value };
  if (value instanceof Uuid) return { type: "uuid", value };
  if (value instanceof Uint8Array) return { type: "binary", value };
  return undefined;
}

function isUlong(field: RheaTyped | undefined): boolean {
  const name = field?.type.name;
  return name === "Ulong" || name === "SmallUlong" || name === "Ulong0";
}

function readMap(section: RheaTyped): Annotations {
  const map = plain(section);
  if (!(map instanceof Map)) throw new Error("a section is no map");
  const result = new Map<string, AmqpValue>();
  for (const [key, value] of map as ReadonlyMap<AmqpValue, AmqpValue>)
    if (typeof key === "string") result.set(key, value);
  return result;
}

/** A value as JavaScript has it; a described value stands without its descriptor. */
export function plain(typed: RheaTyped): AmqpValue {
  const { value, type } = typed;
  switch (type.name) {
    case "Map8":
    case "Map32":
      return pairs((value as readonly RheaTyped[]).map(plain));
    case "List0":
    case "List8":
    case "List32":
      return (value as readonly RheaTyped[]).map(plain);
    case "Array8":
    case "Array32":
      return (value as readonly RheaTyped[]).map(plain);
    case "Uuid":
      return new Uuid(value as Buffer);
    case "Boolean":
      return value !== 0;
    // Integers beyond 2^53 come as their bytes.
    case "Ulong":
      return Buffer.isBuffer(value) ? value.readBigUInt64BE() : (value as number);
    case "Long":
      return Buffer.isBuffer(value) ? value.readBigInt64BE() : (value as number);
    default:
      return value as AmqpValue;
  }
}

function pairs(values: readonly AmqpValue[]): ReadonlyMap<AmqpValue, AmqpValue> {
  if (values.length % 2 === 1) throw new Error("a map holds a key without a value");
  const map = new Map<AmqpValue, AmqpValue>();
  for (let index = 0; index < values.length; index += 2)
    map.set(values[index] ?? null, values[index + 1] ?? null);
  return map;
}
