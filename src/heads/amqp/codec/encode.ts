import { rhea } from "../rhea/library.ts";
import type { RheaTyped } from "../rhea/types.ts";
import type { AmqpMessage, Annotations, MessageId } from "./message.ts";
import { type AmqpValue, Typed, Uuid } from "./values.ts";

const { types } = rhea;
const stringCode = 0xb1;

/** The bytes of a message; what is absent is not written, a body of kind "none" least of all. */
export function encodeMessage(message: AmqpMessage): Buffer {
  const writer = new types.Writer();
  const section = (code: number, value: RheaTyped): void =>
    writer.write(types.described(types.wrap_ulong(code), value));
  if (message.deliveryAnnotations !== undefined)
    section(0x71, symbolMap(message.deliveryAnnotations));
  if (message.annotations !== undefined) section(0x72, symbolMap(message.annotations));
  const properties = propertyList(message);
  if (properties.length > 0) section(0x73, types.wrap_list(properties));
  if (message.application !== undefined) section(0x74, encodeValue(message.application));
  const { body } = message;
  switch (body.kind) {
    case "data":
      for (const bytes of body.sections) section(0x75, types.wrap_binary(bytes));
      break;
    case "value":
      section(0x77, encodeValue(body.value));
      break;
    case "sequence":
    case "none":
      break;
  }
  return writer.toBuffer();
}

function propertyList(message: AmqpMessage): RheaTyped[] {
  const text = (value: string | undefined) =>
    value === undefined ? undefined : types.wrap_string(value);
  const symbolic = (value: string | undefined) =>
    value === undefined ? undefined : types.wrap_symbol(value);
  const time = (value: number | undefined) =>
    value === undefined ? undefined : types.wrap_timestamp(value);
  const list = [
    encodeId(message.messageId),
    message.userId === undefined ? undefined : types.wrap_binary(message.userId),
    text(message.to),
    text(message.subject),
    text(message.replyTo),
    encodeId(message.correlationId),
    symbolic(message.contentType),
    symbolic(message.contentEncoding),
    time(message.absoluteExpiryTime),
    time(message.creationTime),
  ];
  const length = list.findLastIndex((value) => value !== undefined) + 1;
  return list.slice(0, length).map((value) => value ?? types.Null());
}

function encodeId(id: MessageId | undefined): RheaTyped | undefined {
  switch (id?.type) {
    case undefined:
      return undefined;
    case "string":
      return types.wrap_string(id.value);
    case "ulong":
      return types.wrap_ulong(typeof id.value === "bigint" ? bigBytes(id.value) : id.value);
    case "uuid":
      return types.wrap_uuid(id.value.bytes);
    case "binary":
      return types.wrap_binary(id.value);
  }
}

function bigBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

function symbolMap(map: Annotations): RheaTyped {
  return types.Map32(
    [...map].flatMap(([key, value]) => [types.wrap_symbol(key), encodeValue(value)]),
  );
}

/** Numbers without a type: int or long for integers, double for others. */
export function encodeValue(value: AmqpValue): RheaTyped {
  if (value === null) return types.Null();
  if (value instanceof Typed) return encodeTyped(value);
  if (value instanceof Uuid) return types.wrap_uuid(value.bytes);
  if (value instanceof Date) return types.wrap_timestamp(value.getTime());
  if (value instanceof Uint8Array) return types.wrap_binary(value);
  if (value instanceof Map)
    return types.Map32(
      [...(value as ReadonlyMap<AmqpValue, AmqpValue>)].flatMap(([key, member]) => [
        encodeValue(key),
        encodeValue(member),
      ]),
    );
  if (Array.isArray(value))
    return types.wrap_list((value as readonly AmqpValue[]).map(encodeValue));
  switch (typeof value) {
    case "boolean":
      return types.wrap_boolean(value);
    case "string":
      return types.wrap_string(value);
    case "bigint":
      return types.wrap_long(bigBytes(value));
    case "number":
      return encodeNumber(value);
    default:
      throw new TypeError("not an AMQP value");
  }
}

function encodeNumber(value: number): RheaTyped {
  if (!Number.isInteger(value)) return types.wrap(value);
  return value >= -(2 ** 31) && value < 2 ** 31 ? types.wrap_int(value) : types.wrap_long(value);
}

function encodeTyped({ type, value }: Typed): RheaTyped {
  switch (type) {
    case "ubyte":
      return types.wrap_ubyte(Number(value));
    case "int":
      return types.wrap_int(Number(value));
    case "uint":
      return types.wrap_uint(Number(value));
    case "long":
      return types.wrap_long(Number(value));
    case "ulong":
      return types.wrap_ulong(Number(value));
    case "symbol":
      return types.wrap_symbol(String(value));
    case "stringArray":
      return types.wrap_array([...(value as readonly string[])], stringCode);
  }
}
