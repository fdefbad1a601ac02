import type { LoggedMessage } from "../../app/ports.ts";
import { type Json, type JsonObject, emptyObject } from "../../domain/json.ts";
import { timeText } from "../../domain/time.ts";
import { mediaTypeOf } from "./message-headers.ts";

/** A message of the event log as our own routes show it. */
export function eventView({ partition, sequenceNumber, message }: LoggedMessage): JsonObject {
  const { key, system, application, source, enqueuedTime } = message;
  const applicationProperties = emptyObject();
  for (const [name, value] of application) applicationProperties[name] = value;
  const systemProperties = emptyObject();
  for (const [name, value] of Object.entries(system))
    if (value !== undefined) systemProperties[name] = String(value);
  return {
    partition,
    sequenceNumber,
    enqueuedTime: timeText(enqueuedTime),
    source,
    deviceId: key.deviceId,
    ...(key.moduleId === undefined ? {} : { moduleId: key.moduleId }),
    generationId: message.generationId,
    authMethod: message.authMethod,
    modelId: message.modelId,
    systemProperties,
    applicationProperties,
    ...bodyView(message.body, system.contentType),
  };
}

/** JSON if the message says that it is and it parses; text if it is readable; else Base64. */
function bodyView(bytes: Uint8Array, contentType: string | undefined): JsonObject {
  const text = readable(bytes);
  if (text === undefined)
    return { bodyEncoding: "base64", body: Buffer.from(bytes).toString("base64") };
  const body = isJson(contentType) ? parsed(text) : undefined;
  return body === undefined ? { bodyEncoding: "text", body: text } : { bodyEncoding: "json", body };
}

function isJson(contentType: string | undefined): boolean {
  const type = mediaTypeOf(contentType ?? "");
  return type === "application/json" || type.endsWith("+json");
}

function readable(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /[^\P{Cc}\t\n\r]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** What is nested too deeply to be written again counts as text. */
function parsed(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    JSON.stringify(value);
    return value;
  } catch {
    return undefined;
  }
}
