/**
 * AMQP values as the head reads and writes them. On the way in, types that clients mix up are made one: symbols are
 * strings, all integers are numbers where they fit. On the way out, a JavaScript value means the type written here; what
 * needs another one is wrapped with the functions below.
 */
export type AmqpValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uuid
  | Uint8Array
  | Typed
  | readonly AmqpValue[]
  | ReadonlyMap<AmqpValue, AmqpValue>;

/** 16 bytes of the type uuid, as they stand on the wire. */
export class Uuid {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** From `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
  static parse(text: string): Uuid {
    return new Uuid(Buffer.from(text.replaceAll("-", ""), "hex"));
  }

  toString(): string {
    const hex = Buffer.from(this.bytes).toString("hex");
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join("-");
  }
}

export type TypeName = "ubyte" | "int" | "uint" | "long" | "ulong" | "symbol" | "stringArray";

/** A value with the AMQP type that it must have on the wire. */
export class Typed {
  readonly type: TypeName;
  readonly value: number | bigint | string | readonly string[];

  constructor(type: TypeName, value: Typed["value"]) {
    this.type = type;
    this.value = value;
  }
}

export const ubyte = (value: number): Typed => new Typed("ubyte", value);
export const int = (value: number): Typed => new Typed("int", value);
export const uint = (value: number): Typed => new Typed("uint", value);
export const long = (value: number): Typed => new Typed("long", value);
export const ulong = (value: number): Typed => new Typed("ulong", value);
export const symbol = (value: string): Typed => new Typed("symbol", value);
export const stringArray = (value: readonly string[]): Typed => new Typed("stringArray", value);
