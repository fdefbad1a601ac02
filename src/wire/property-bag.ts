import type { IdentityKey } from "../domain/identity/key.ts";
import type { MessageProperties } from "../domain/messages/telemetry.ts";
import { timeText } from "../domain/time.ts";

/** What a property bag says; an application property without a value is `null`. */
export interface PropertyBag {
  readonly system: MessageProperties;
  readonly application: Map<string, string | null>;
}

/** A message to a device or to a module's input, as far as its topic's bag tells about it. */
export interface DownlinkProperties {
  /** Where it goes (messages to devices), or which identity sent it (module inputs): always the bag's first or second property. */
  readonly address:
    | { readonly kind: "to"; readonly to: string }
    | { readonly kind: "origin"; readonly key: IdentityKey };
  readonly system: Omit<MessageProperties, "to">;
  readonly ack?: "none" | "negative" | "positive" | "full" | undefined;
  readonly application: Iterable<readonly [string, string | null]>;
}

type SystemName = keyof MessageProperties;

/** Wire names of system properties (spec/mqtt §5.5). */
const systemNames: ReadonlyMap<string, SystemName> = new Map<string, SystemName>([
  ["$.mid", "messageId"],
  ["$.cid", "correlationId"],
  ["$.uid", "userId"],
  ["$.to", "to"],
  ["$.ct", "contentType"],
  ["$.ce", "contentEncoding"],
  ["$.ctime", "creationTimeUtc"],
  ["$.exp", "expiryTimeUtc"],
  ["$.on", "outputName"],
  ["$.ifid", "interfaceId"],
  ["$.sub", "component"],
  ["$.schema", "schema"],
]);

/** Names that only the hub may write, and diagnostics that nothing reads: dropped (spec/mqtt §5.5). */
const droppedNames: ReadonlySet<string> = new Set(["$.cdid", "$.cmid", "$.diagid", "$.diagctx"]);

/**
 * Reads the bag of an uplink topic: `name=value` pairs joined by `&`, percent-encoded (spec/mqtt §5.4). Never
 * fails: invalid escapes stay as they are, the last of equal names wins, and what follows a raw `/` is lost,
 * which leaves the property that held it without a value.
 */
export function decodePropertyBag(text: string): PropertyBag {
  const system: { -readonly [name in SystemName]?: string } = {};
  const application = new Map<string, string | null>();
  if (text === "") return { system, application };
  const slash = text.indexOf("/");
  const pairs = (slash < 0 ? text : text.slice(0, slash)).split("&");
  for (const [index, pair] of pairs.entries()) {
    const equals = pair.indexOf("=");
    const cut = slash >= 0 && index === pairs.length - 1;
    const name = percentDecode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 || cut ? null : percentDecode(pair.slice(equals + 1));
    const member = name.startsWith("$.") ? systemNames.get(name) : undefined;
    if (member !== undefined) {
      if (value !== null) system[member] = value;
    } else if (name !== "" && !droppedNames.has(name)) {
      application.set(name, value);
    }
  }
  return { system, application };
}

/**
 * Writes the bag of a downlink topic so that all SDKs can read it (spec/mqtt §5.4, §6.2): system properties first,
 * spelled `%24.…`, at least one of them; nothing raw but `A–Z a–z 0–9 ! ( ) * - . _`; times with seven fractional
 * digits; application properties without a value left out, because one SDK would drop its connection.
 */
export function encodePropertyBag(properties: DownlinkProperties): string {
  const { address, system, ack } = properties;
  const pairs: string[] = [];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) pairs.push(`${name}=${encode(value)}`);
  };
  if (address.kind === "origin") {
    add("%24.cdid", address.key.deviceId);
    add("%24.cmid", address.key.moduleId);
  }
  add("%24.mid", system.messageId);
  add("%24.exp", sevenDigits(system.expiryTimeUtc));
  if (address.kind === "to") add("%24.to", address.to);
  add("%24.cid", system.correlationId);
  add("%24.uid", system.userId);
  add("%24.ct", system.contentType);
  add("%24.ce", system.contentEncoding);
  add("%24.ctime", sevenDigits(system.creationTimeUtc));
  add("%24.schema", system.schema);
  add("iothub-ack", ack);
  for (const [name, value] of properties.application) if (value !== null) add(encode(name), value);
  return pairs.join("&");
}

/** Percent-decoding as UTF-8; escapes that are none stay as they are. */
export function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, decodeRun);
  }
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run);
  } catch {
    return run;
  }
}

function encode(text: string): string {
  // A text may hold half a surrogate pair, which has no UTF-8 form: it becomes U+FFFD.
  const wellFormed = /[\uD800-\uDFFF]/.test(text) ? Buffer.from(text).toString() : text;
  return encodeURIComponent(wellFormed).replace(/[~']/g, (raw) => (raw === "~" ? "%7E" : "%27"));
}

/** One SDK reads exactly seven digits; a time that nobody can read is left out. */
function sevenDigits(time: string | undefined): string | undefined {
  if (time === undefined || /T\d{2}:\d{2}:\d{2}\.\d{7}Z$/.test(time)) return time;
  const milliseconds = Date.parse(time);
  return Number.isNaN(milliseconds) ? undefined : timeText(milliseconds);
}
