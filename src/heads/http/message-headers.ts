import type { IncomingMessage } from "node:http";
import { argumentInvalid } from "../../domain/errors.ts";
import type { FeedbackRequest } from "../../domain/messages/c2d-queue.ts";
import type { MessageProperties } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";

type SystemName = keyof MessageProperties;

/** Headers and their system properties, in both directions (spec/rest §9.2, §9.3). */
const systemHeaders: ReadonlyMap<string, SystemName> = new Map<string, SystemName>([
  ["iothub-messageid", "messageId"],
  ["iothub-correlationid", "correlationId"],
  ["iothub-userid", "userId"],
  ["iothub-contenttype", "contentType"],
  ["iothub-contentencoding", "contentEncoding"],
  ["iothub-expiry", "expiryTimeUtc"],
  ["iothub-creationtimeutc", "creationTimeUtc"],
  ["iothub-messageschema", "schema"],
  ["iothub-interface-id", "interfaceId"],
  ["dt-subject", "component"],
]);

const applicationPrefix = "iothub-app-";
const ackHeader = "iothub-ack";

/** What headers say about a message. Names that mean nothing here are left out. */
export interface MessageHeaders {
  readonly system: MessageProperties;
  readonly application: ReadonlyMap<string, string>;
  /** `iothub-ack` as it came. */
  readonly ack: string | undefined;
}

/** Reads pairs of header name, in any case, and value; application properties keep the case of their names. */
export function readMessageHeaders(
  pairs: Iterable<readonly [name: string, value: string]>,
): MessageHeaders {
  const system: { -readonly [name in SystemName]?: string } = {};
  const application = new Map<string, string>();
  let ack: string | undefined;
  for (const [name, value] of pairs) {
    const folded = name.toLowerCase();
    const member = systemHeaders.get(folded);
    if (member !== undefined) system[member] = value;
    else if (folded === ackHeader) ack = value;
    else if (folded.startsWith(applicationPrefix) && folded.length > applicationPrefix.length)
      application.set(name.slice(applicationPrefix.length), value);
  }
  return { system, application, ack };
}

/** The headers of a request as they came: names in their own case, values as UTF-8 where they are. */
export function* headerPairs(request: IncomingMessage): Generator<[name: string, value: string]> {
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    yield [rawHeaders[index] ?? "", headerText(rawHeaders[index + 1] ?? "")];
  }
}

/** HTTP's own Content-Type, lower-case, without parameters. */
export function mediaType(request: IncomingMessage): string {
  for (const [name, value] of headerPairs(request)) {
    if (name.toLowerCase() === "content-type") return mediaTypeOf(value);
  }
  return "";
}

/** A media type in lower case without its parameters. */
export function mediaTypeOf(value: string): string {
  return (value.split(";")[0] ?? "").trim().toLowerCase();
}

/** Refuses what is none of the four values. */
export function readAck(text: string | undefined): FeedbackRequest {
  switch (text?.toLowerCase()) {
    case undefined:
    case "":
    case "none":
      return "none";
    case "positive":
      return "positive";
    case "negative":
      return "negative";
    case "full":
      return "full";
    default:
      throw argumentInvalid("iothub-ack must be none, positive, negative or full");
  }
}

/** An absolute time: ISO 8601, or milliseconds since 1970. */
export function readExpiry(text: string | undefined): Milliseconds | undefined {
  if (text === undefined || text === "") return undefined;
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw argumentInvalid("iothub-expiry must be a time such as 2026-05-01T10:00:00Z");
}

/** The headers that carry a message's properties to a device; prefixes are lower-case (spec/rest §9.3). */
export function* messageHeaders(
  system: MessageProperties,
  application: Iterable<readonly [string, string | null]>,
): Generator<[name: string, value: string]> {
  for (const [header, member] of systemHeaders) {
    const value = system[member];
    if (value !== undefined) yield [header, headerValue(value)];
  }
  for (const [name, value] of application)
    yield [applicationPrefix + headerName(name), headerValue(value ?? "")];
}

/** Header values are bytes, which Node gives as Latin-1; what is UTF-8 is read as that. */
function headerText(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}

/** UTF-8 bytes; control characters, which no header can hold, percent-encoded. */
export function headerValue(text: string): string {
  const escaped = text.replaceAll(/\p{Cc}/gu, (character) => encodeURIComponent(character));
  return Buffer.from(escaped, "utf8").toString("latin1");
}

/** A name with characters that no header's name can hold is percent-encoded. */
function headerName(name: string): string {
  if (/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) return name;
  return encodeURIComponent(Buffer.from(name, "utf8").toString("utf8")).replaceAll(
    /[()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
