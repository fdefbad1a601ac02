import { type Json, type JsonObject, emptyObject } from "../json.ts";
import { timeText } from "../time.ts";
import type { EventMessage } from "./telemetry.ts";

/**
 * A message as our own interfaces show it: who sent it and when, its properties, and its body as JSON (`bodyEncoding`
 * `json`), as text (`text`) or as Base64 (`base64`).
 */
export function messageDocument(message: EventMessage): JsonObject {
  const { key, system, application, source, enqueuedTime } = message;
  const applicationProperties = emptyObject();
  for (const [name, value] of application) applicationProperties[name] = value;
  const systemProperties = emptyObject();
  for (const [name, value] of Object.entries(system))
    if (value !== undefined) systemProperties[name] = String(value);
  return {
    enqueuedTime: timeText(enqueuedTime),
    source,
    deviceId: key.deviceId,
    ...(key.moduleId === undefined ? {} : { moduleId: key.moduleId }),
    generationId: message.generationId,
    authMethod: message.authMethod,
    modelId: message.modelId,
    systemProperties,
    applicationProperties,
    ...bodyDocument(message.body, system.contentType),
  };
}

/** JSON if the message says that it is and it parses; text if it is readable; else Base64. */
function bodyDocument(bytes: Uint8Array, contentType: string | undefined): JsonObject {
  const text = readable(bytes);
  if (text === undefined)
    return { bodyEncoding: "base64", body: Buffer.from(bytes).toString("base64") };
  const body = isJson(contentType) ? parsed(text) : undefined;
  return body === undefined ? { bodyEncoding: "text", body: text } : { bodyEncoding: "json", body };
}

function isJson(contentType = ""): boolean {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
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
