import { type HubError, argumentInvalid } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Path, pathText } from "./path.ts";

/** Bytes of UTF-8 that a key may have (spec/semantics §4.3). */
export const maxKeyBytes = 1024;
/** Bytes of UTF-8 that a string value may have. */
export const maxStringBytes = 4096;
/** Levels of objects and arrays below the section's root. */
export const maxDepth = 10;
/** Bounds of numbers that are written as integers: ±2^52. */
export const minInteger = -(2 ** 52);
export const maxInteger = 2 ** 52 - 1;
/** Characters of a number's text. */
export const maxNumberLength = 4096;

/** A section as IoT Hub names it in messages. */
export type SectionName = "Tags" | "Properties.Desired" | "Properties.Reported";

/** A section's size, as `sectionSize` counts it, is less than this. */
export const sectionLimits: Readonly<Record<SectionName, number>> = {
  Tags: 8192,
  "Properties.Desired": 32_768,
  "Properties.Reported": 32_768,
};

/**
 * What `null` means for a member: it removes the key in a merge, and is refused in a replacement and in
 * whatever stands inside an array.
 */
type NullRule = "removes" | "refused" | "refusedInArray";

/**
 * Refuses with ArgumentInvalid whatever a section may not hold: keys, strings, depth, arrays, numbers
 * (spec/semantics §4.3). One pass; the message names the path. In a replacement `null` is refused too.
 */
export function checkSection(section: JsonObject, nulls: "removes" | "refused"): void {
  checkMembers(section, 1, nulls, []);
}

function checkMembers(object: JsonObject, level: number, nulls: NullRule, path: Path): void {
  for (const key in object) {
    path.push(key);
    checkKey(key, path);
    const value = object[key];
    if (value === null) checkNull(nulls, path);
    else if (value !== undefined) checkValue(value, level, nulls, path);
    path.pop();
  }
}

function checkElements(array: readonly Json[], level: number, path: Path): void {
  for (let index = 0; index < array.length; index++) {
    path.push(index);
    const value = array[index];
    if (value === null) throw refusal("An array cannot contain null", path);
    if (value !== undefined) checkValue(value, level, "refusedInArray", path);
    path.pop();
  }
}

/** `level` is the one that `value` has if it is an object or array; the section's root has 0. */
function checkValue(value: Json, level: number, nulls: NullRule, path: Path): void {
  if (typeof value === "string") checkString(value, path);
  else if (typeof value === "number") checkNumber(value, path);
  else if (typeof value === "object") {
    if (level > maxDepth) {
      throw refusal(`Nested depth of Property or Tag should be maximum ${maxDepth}`, path);
    }
    if (Array.isArray(value)) checkElements(value, level + 1, path);
    else checkMembers(value as JsonObject, level + 1, nulls, path);
  }
}

function checkNull(nulls: NullRule, path: Path): void {
  switch (nulls) {
    case "removes":
      return;
    case "refused":
      throw refusal("Value of Property or Tag cannot be null", path);
    case "refusedInArray":
      throw refusal("A member of an object in an array cannot be null", path);
  }
}

/** Most keys are plain and short: one test settles them. */
const plainKey = /^[\w-]{1,256}$/;
/** The category Cc is U+0000–U+001F and U+007F–U+009F. */
const forbiddenInKey = /[\p{Cc}.$ ]/u;

function checkKey(key: string, path: Path): void {
  if (plainKey.test(key)) return;
  if (key === "") throw refusal("Name of Property or Tag cannot be empty", path);
  const forbidden = forbiddenInKey.exec(key)?.[0];
  if (forbidden !== undefined) {
    throw refusal(`Name of Property or Tag cannot contain ${characterText(forbidden)}`, path);
  }
  if (isLonger(key, maxKeyBytes)) {
    throw refusal(`Name of Property or Tag should be maximum ${maxKeyBytes} bytes`, path);
  }
}

function characterText(character: string): string {
  if (/[.$]/.test(character)) return `'${character}'`;
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return character === " " ? "spaces" : `the control character U+${code}`;
}

function checkString(value: string, path: Path): void {
  if (!isLonger(value, maxStringBytes)) return;
  throw refusal(`Property or Tag value should be maximum ${maxStringBytes} bytes`, path);
}

function checkNumber(value: number, path: Path): void {
  if (!Number.isFinite(value)) throw refusal("A number should be finite", path);
}

/** A UTF-16 unit takes one to three bytes in UTF-8: only lengths in between need counting. */
function isLonger(text: string, bytes: number): boolean {
  if (text.length * 3 <= bytes) return false;
  return text.length > bytes || Buffer.byteLength(text) > bytes;
}

function refusal(problem: string, path: Path): HubError {
  return argumentInvalid(`${problem}. Error in Property/Tag ${pathText(path)}`);
}
