import type { IdentityKey } from "../../domain/identity/key.ts";

/** What a link's address names (spec/amqp §6.1, §6.2, §12, §13). Whether the client sends there or receives is the link's direction. */
export type Address =
  /** Claims-based security (§4). */
  | { readonly kind: "cbs" }
  /** `{id}/messages/events`: telemetry and outputs inwards; a module's inputs outwards. */
  | { readonly kind: "deviceEvents"; readonly key: IdentityKey }
  /** `{id}/messages/devicebound`: cloud-to-device messages. */
  | { readonly kind: "deviceBound"; readonly key: IdentityKey }
  /** `{id}/methods/devicebound`: requests outwards, answers inwards. */
  | { readonly kind: "methods"; readonly key: IdentityKey }
  /** `{id}/twin`: requests inwards, answers and desired changes outwards. */
  | { readonly kind: "twin"; readonly key: IdentityKey }
  /** `/messages/devicebound`: services send to devices (§12.1). */
  | { readonly kind: "serviceDeviceBound" }
  /** `/messages/servicebound/feedback` (§12.2). */
  | { readonly kind: "feedback" }
  /** `/messages/servicebound/filenotifications` (§12.3). */
  | { readonly kind: "fileNotifications" }
  /** `/messages/events/…` of the hub: answered with a redirect; `rest` is what follows `messages/events/` (§13.2). */
  | { readonly kind: "eventsRedirect"; readonly rest: string }
  /** `[{entity}/]$management` of the Event Hubs-compatible endpoint (§13.4). */
  | { readonly kind: "management"; readonly entity: string | null }
  /** `{entity}/ConsumerGroups/{cg}/Partitions/{p}` (§13.5). */
  | {
      readonly kind: "partition";
      readonly entity: string;
      readonly consumerGroup: string;
      readonly partition: string;
    }
  | { readonly kind: "unknown" };

export type AddressKind = Address["kind"];

const unknown: Address = { kind: "unknown" };

/**
 * Reads the address of a source or target: relative or `amqps://host[:port]/…`, literals in any case, one slash at the
 * end allowed. Not a URL parser: ids may hold `%`, `?` and `#` unescaped (spec/amqp §6.1).
 */
export function parseAddress(text: string): Address {
  const path = text.replace(/^amqps?:\/\/[^/]*/i, "").replace(/^\//, "");
  const parts = path.replace(/\/$/, "").split("/");
  const [first = "", , third = ""] = parts;
  const words = parts.map((part) => part.toLowerCase());
  switch (words[0]) {
    case "$cbs":
      return parts.length === 1 ? { kind: "cbs" } : unknown;
    case "$management":
      return parts.length === 1 ? { kind: "management", entity: null } : unknown;
    case "devices":
      return deviceAddress(parts, words);
    case "messages":
      return serviceAddress(path, words);
    default:
      break;
  }
  if (words[1] === "$management" && parts.length === 2)
    return { kind: "management", entity: decoded(first) };
  if (words[1] === "consumergroups" && words[3] === "partitions" && parts.length === 5) {
    const partition = decoded(parts[4] ?? "");
    return { kind: "partition", entity: decoded(first), consumerGroup: decoded(third), partition };
  }
  return unknown;
}

function deviceAddress(parts: readonly string[], words: readonly string[]): Address {
  const isModule = words[2] === "modules" && parts.length > 4;
  const deviceId = decoded(parts[1] ?? "");
  const moduleId = decoded(parts[3] ?? "");
  if (deviceId === "" || (isModule && moduleId === "")) return unknown;
  const key = isModule ? { deviceId, moduleId } : { deviceId };
  switch (words.slice(isModule ? 4 : 2).join("/")) {
    case "messages/events":
      return { kind: "deviceEvents", key };
    case "messages/devicebound":
      return { kind: "deviceBound", key };
    case "methods/devicebound":
      return { kind: "methods", key };
    case "twin":
      return { kind: "twin", key };
    default:
      return unknown;
  }
}

function serviceAddress(path: string, words: readonly string[]): Address {
  const [, second, third] = words;
  if (second === "events")
    return { kind: "eventsRedirect", rest: path.split("/").slice(2).join("/") };
  if (second === "devicebound" && words.length === 2) return { kind: "serviceDeviceBound" };
  if (second !== "servicebound" || words.length !== 3) return unknown;
  switch (third) {
    case "feedback":
      return { kind: "feedback" };
    // The documentation prints the second name, the SDKs use the first (spec/amqp §12.3).
    case "filenotifications":
    case "fileuploadnotifications":
      return { kind: "fileNotifications" };
    default:
      return unknown;
  }
}

/** Percent-decoding; a text with a bad escape is taken as it is. */
function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
