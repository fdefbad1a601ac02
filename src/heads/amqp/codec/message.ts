import type { AmqpValue, Uuid } from "./values.ts";

/** A message id or correlation id with its type kept, so that it can be sent back as it came. */
export type MessageId =
  | { readonly type: "string"; readonly value: string }
  /** A `bigint` above 2^53. */
  | { readonly type: "ulong"; readonly value: number | bigint }
  | { readonly type: "uuid"; readonly value: Uuid }
  | { readonly type: "binary"; readonly value: Uint8Array };

/** The body: data sections joined or apart, one value, or nothing. */
export type Body =
  /** One entry for each data section. */
  | { readonly kind: "data"; readonly sections: readonly Uint8Array[] }
  | { readonly kind: "value"; readonly value: AmqpValue }
  | { readonly kind: "sequence" }
  | { readonly kind: "none" };

export type Annotations = ReadonlyMap<string, AmqpValue>;

/** An AMQP 1.0 message; times in milliseconds since 1970. */
export interface AmqpMessage {
  readonly messageId?: MessageId | undefined;
  readonly userId?: Uint8Array | undefined;
  readonly to?: string | undefined;
  readonly subject?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: MessageId | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly absoluteExpiryTime?: number | undefined;
  readonly creationTime?: number | undefined;
  readonly deliveryAnnotations?: Annotations | undefined;
  readonly annotations?: Annotations | undefined;
  readonly application?: Annotations | undefined;
  readonly body: Body;
}
