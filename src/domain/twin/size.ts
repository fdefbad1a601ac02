import { HubError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type SectionName, sectionLimits } from "./limits.ts";

/**
 * Control characters and empty array elements have no size by IoT Hub's formula. This bounds them all the same:
 * bytes of control characters plus array elements of one section. No section of ordinary content comes near.
 */
export const maxUncounted = 65_536;

interface Measure {
  /** By the documented formula. */
  size: number;
  /** What the formula leaves out: bytes of control characters, plus one for each array element. */
  uncounted: number;
}

/**
 * A section's size in bytes: keys and strings in UTF-8 without control characters, numbers 8, booleans 4, objects and
 * arrays what they contain (spec/semantics §4.3). Not the length of its JSON text.
 */
export function sectionSize(value: JsonObject): number {
  return measureOf(value).size;
}

/** Refuses a section that is too large with DeviceModelMaxPropertiesExceeded. `value` is the section after the write. */
export function checkSize(name: SectionName, value: JsonObject): void {
  const limit = sectionLimits[name];
  const { size, uncounted } = measureOf(value);
  if (size >= limit) throw tooLarge(`'${name}' size should be less than ${limit} bytes.`);
  if (uncounted > maxUncounted) {
    throw tooLarge(
      `'${name}' should hold maximum ${maxUncounted} control characters and array elements.`,
    );
  }
}

function tooLarge(message: string): HubError {
  return new HubError("DeviceModelMaxPropertiesExceeded", message);
}

function measureOf(value: JsonObject): Measure {
  const measure: Measure = { size: 0, uncounted: 0 };
  addMembers(value, measure);
  return measure;
}

function addMembers(object: JsonObject, measure: Measure): void {
  for (const key in object) {
    addText(key, measure);
    const value = object[key];
    if (value !== undefined) addValue(value, measure);
  }
}

function addValue(value: Json, measure: Measure): void {
  if (typeof value === "string") addText(value, measure);
  else if (typeof value === "number") measure.size += 8;
  else if (typeof value === "boolean") measure.size += 4;
  else if (Array.isArray(value)) addElements(value, measure);
  else if (value !== null) addMembers(value as JsonObject, measure);
}

function addElements(array: readonly Json[], measure: Measure): void {
  measure.uncounted += array.length;
  for (const value of array) addValue(value, measure);
}

/** Above this length the native count is faster than the loop. */
const maxLoop = 48;

function addText(text: string, measure: Measure): void {
  if (isShortAscii(text)) {
    measure.size += text.length;
    return;
  }
  const control = controlBytes(text);
  measure.size += Buffer.byteLength(text) - control;
  measure.uncounted += control;
}

function isShortAscii(text: string): boolean {
  if (text.length > maxLoop) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** Control characters below U+0080 take one byte, those from U+0080 to U+009F two. */
function controlBytes(text: string): number {
  if (!/\p{Cc}/u.test(text)) return 0;
  let bytes = 0;
  for (const [character] of text.matchAll(/\p{Cc}/gu)) bytes += character < "\u0080" ? 1 : 2;
  return bytes;
}
