import type { Json } from "../json.ts";
import type { MessageProperties } from "../messages/telemetry.ts";

/**
 * A message's body as JSON, if the message says that it is JSON in UTF-8, UTF-16 or UTF-32 and it is; else undefined
 * (spec/semantics §11.2).
 */
export function jsonBody(body: Uint8Array, system: MessageProperties): Json | undefined {
  const type = system.contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") return undefined;
  const text = decode(body, system.contentEncoding?.trim().toLowerCase());
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function decode(body: Uint8Array, encoding: string | undefined): string | undefined {
  try {
    switch (encoding) {
      case "utf-8":
      case "utf8":
        return new TextDecoder("utf-8", { fatal: true }).decode(body);
      case "utf-16":
      case "utf16":
        return new TextDecoder(isBigEndian16(body) ? "utf-16be" : "utf-16le", {
          fatal: true,
        }).decode(body);
      case "utf-32":
      case "utf32":
        return decode32(body);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** Little-endian unless a byte order mark says otherwise. */
function isBigEndian16(body: Uint8Array): boolean {
  return body[0] === 0xfe && body[1] === 0xff;
}

function decode32(body: Uint8Array): string | undefined {
  if (body.byteLength % 4 !== 0) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const little = body.byteLength === 0 || view.getUint32(0) !== 0xfeff;
  let text = "";
  for (let at = 0; at < body.byteLength; at += 4) {
    // Throws for what is no code point.
    text += String.fromCodePoint(view.getUint32(at, little));
  }
  return text.replace(/^\ufeff/, "");
}

/** A text in the encoding that a message names, UTF-8 unless it is one of the others; little-endian. */
export function encodeBody(text: string, contentEncoding = "utf-8"): Uint8Array {
  switch (contentEncoding.trim().toLowerCase()) {
    case "utf-16":
    case "utf16":
      return Buffer.from(text, "utf16le");
    case "utf-32":
    case "utf32": {
      const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
      const bytes = Buffer.alloc(points.length * 4);
      for (const [index, point] of points.entries()) bytes.writeUInt32LE(point, index * 4);
      return bytes;
    }
    default:
      return Buffer.from(text);
  }
}

/** ISO 8601 with a time of day (spec/semantics §11.2). */
const dateText = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?$/;

/** True for texts of bodies that IoT Hub reads as dates: they have no order and are no strings. */
export function isDateText(text: string): boolean {
  return text.length >= 19 && text.length <= 40 && dateText.test(text);
}
