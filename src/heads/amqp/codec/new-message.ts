import type { MessageProperties, NewMessage } from "../../../domain/messages/telemetry.ts";
import type { AmqpMessage, Annotations, Body, MessageId } from "./message.ts";
import { type AmqpValue, Typed, Uuid } from "./values.ts";

/** Application properties that are system properties of the hub (spec/amqp §7.1). */
const systemNames = {
  "iothub-outputname": "outputName",
  "iothub-creation-time-utc": "creationTimeUtc",
  "iothub-message-schema": "schema",
} as const;

/**
 * A device-to-cloud message. Ids of other types than string become their text; `to`, the link's own address, is
 * dropped; properties that are no strings become text; a body of one value becomes its bytes.
 */
export function readNewMessage(message: AmqpMessage): NewMessage {
  const system: NewProperties = {
    messageId: idText(message.messageId),
    correlationId: idText(message.correlationId),
    userId: message.userId === undefined ? undefined : Buffer.from(message.userId).toString(),
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    interfaceId: annotationText(message.annotations, "iothub-interface-id"),
    component: annotationText(message.annotations, "dt-subject"),
  };
  const application = new Map<string, string | null>();
  for (const [name, value] of message.application ?? [])
    addProperty(system, application, name, valueText(value));
  return { body: bodyBytes(message.body), system, application };
}

/** The system properties of a message while it is read. */
export type NewProperties = {
  -readonly [name in keyof MessageProperties]: MessageProperties[name];
};

/** Adds an application property, or the system property that it is meant for. */
export function addProperty(
  system: NewProperties,
  application: Map<string, string | null>,
  name: string,
  value: string | null,
): void {
  const member = Object.hasOwn(systemNames, name)
    ? systemNames[name as keyof typeof systemNames]
    : undefined;
  if (member === undefined) application.set(name, value);
  else system[member] = value ?? undefined;
}

/** The body as bytes: data sections joined, or the text of a value. */
export function bodyBytes(body: Body): Uint8Array {
  switch (body.kind) {
    case "data": {
      const [first, ...more] = body.sections;
      if (first === undefined) return new Uint8Array();
      return more.length === 0 ? first : Buffer.concat(body.sections);
    }
    case "value": {
      const { value } = body;
      return value instanceof Uint8Array ? value : Buffer.from(valueText(value) ?? "");
    }
    case "sequence":
    case "none":
      return new Uint8Array();
  }
}

export function idText(id: MessageId | undefined): string | undefined {
  switch (id?.type) {
    case undefined:
      return undefined;
    case "string":
      return id.value;
    case "ulong":
    case "uuid":
      return String(id.value);
    case "binary":
      return Buffer.from(id.value).toString("base64");
  }
}

function annotationText(annotations: Annotations | undefined, name: string): string | undefined {
  const value = annotations?.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A property's value as text: times as ISO 8601, binary as Base64, compound values as JSON. */
export function valueText(value: AmqpValue): string | null {
  if (value === null || typeof value === "string") return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Typed) return String(value.value);
  if (value instanceof Map)
    return JSON.stringify(
      Object.fromEntries(
        [...(value as ReadonlyMap<AmqpValue, AmqpValue>)].map(([key, member]) => [
          valueText(key) ?? "",
          valueText(member),
        ]),
      ),
    );
  if (Array.isArray(value)) return JSON.stringify((value as readonly AmqpValue[]).map(valueText));
  if (value instanceof Uuid) return value.toString();
  return typeof value === "object" ? null : String(value);
}
