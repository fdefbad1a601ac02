import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";

/** What a client asks for by publishing (spec/mqtt §5.1). */
export type InboundTopic =
  | { readonly kind: "telemetry"; readonly bag: string }
  | { readonly kind: "getTwin"; readonly rid: string }
  | {
      readonly kind: "reportedPatch";
      /** Without one there is no answer (spec/mqtt §5.2). */
      readonly rid: string | undefined;
      /** The reported `$version` that the client expects, as text. */
      readonly version: string | undefined;
    }
  | { readonly kind: "methodResponse"; readonly status: number; readonly rid: string | undefined };

/** A request id comes back in the topic of the answer, which has to fit. */
const maxQueryPart = 1_024;

/** The topic of a PUBLISH, in bytes: its length has two bytes [MQTT-1.5.3]. */
export const maxTopic = 65_535;

const getTwin = "$iothub/twin/GET/";
const patchReported = "$iothub/twin/PATCH/properties/reported/";
const methodResponse = /^\$iothub\/methods\/res\/(-?\d{1,10})\/(.*)$/s;

/** `devices/{d}[/modules/{m}]/messages/events`: where an identity's telemetry goes. */
export function telemetryTopic(key: IdentityKey): string {
  const device = `devices/${key.deviceId}`;
  return key.moduleId === undefined
    ? `${device}/messages/events`
    : `${device}/modules/${key.moduleId}/messages/events`;
}

/** The bag behind an identity's telemetry topic, or nothing if `topic` is another one. */
export function telemetryBag(topic: string, ownTopic: string): string | undefined {
  if (!topic.startsWith(ownTopic)) return undefined;
  if (topic.length === ownTopic.length) return "";
  if (topic[ownTopic.length] !== "/") return undefined;
  // Some SDKs close the bag with a slash.
  const end = topic.endsWith("/") ? topic.length - 1 : topic.length;
  return topic.slice(ownTopic.length + 1, end);
}

/**
 * Reads the topic of a PUBLISH. Twin and method topics hold no ids: the identity is the connection's.
 * Throws InvalidOperation for topics that the identity may not publish to (spec/mqtt §5.2).
 */
export function parseTopic(topic: string, ownTopic: string): InboundTopic {
  const bag = telemetryBag(topic, ownTopic);
  if (bag !== undefined) return { kind: "telemetry", bag };
  if (topic.startsWith(getTwin)) {
    const rid = readQuery(topic.slice(getTwin.length)).get("$rid");
    if (rid !== undefined) return { kind: "getTwin", rid };
  } else if (topic.startsWith(patchReported)) {
    const query = readQuery(topic.slice(patchReported.length));
    return { kind: "reportedPatch", rid: query.get("$rid"), version: query.get("$version") };
  } else {
    const [, status, rest] = methodResponse.exec(topic) ?? [];
    if (status !== undefined && rest !== undefined)
      return { kind: "methodResponse", status: Number(status), rid: readQuery(rest).get("$rid") };
  }
  throw new HubError("InvalidOperation", "The topic is not one that this identity may publish to");
}

/** `?name=value&…`; values are kept as they stand. A sub-resource before the `?` is refused. */
function readQuery(text: string): Pick<ReadonlyMap<string, string>, "get"> {
  // What nearly every request sends.
  if (text.startsWith("?$rid=") && text.length <= maxQueryPart && !text.includes("&"))
    return { get: (name) => (name === "$rid" ? text.slice("?$rid=".length) : undefined) };
  const values = new Map<string, string>();
  if (text === "") return values;
  if (!text.startsWith("?"))
    throw new HubError(
      "InvalidOperation",
      "The topic names a part of the twin that does not exist",
    );
  for (const part of text.slice(1).split("&")) {
    const equals = part.indexOf("=");
    if (part.length > maxQueryPart)
      throw new HubError(
        "InvalidOperation",
        `A part of the topic has more than ${maxQueryPart} characters`,
      );
    if (equals > 0) values.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return values;
}

/** Where a twin request is answered; `$rid` stands first, because two SDKs look for it there. */
export function twinAnswerTopic(status: number, rid: string, version?: number): string {
  const topic = `$iothub/twin/res/${status}/?$rid=${rid}`;
  return version === undefined ? topic : `${topic}&$version=${version}`;
}

export function desiredTopic(version: number): string {
  return `$iothub/twin/PATCH/properties/desired/?$version=${version}`;
}

/** Before the bag of a message to a device. */
export function deviceboundTopic(deviceId: string, bag: string): string {
  return `devices/${deviceId}/messages/devicebound/${bag}`;
}

/** Every topic of a direct method's request begins so. */
export const methodTopics = "$iothub/methods/POST/";

export function methodTopic(name: string, rid: string): string {
  return `${methodTopics}${name}/?$rid=${rid}`;
}
