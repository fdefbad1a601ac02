import { argumentInvalid } from "../errors.ts";
import { type Json, type JsonObject, isObject } from "../json.ts";
import { maxInteger, maxNumberLength, minInteger } from "./limits.ts";
import { pathAt, pathText } from "./path.ts";

/**
 * The JSON object that a twin request's body holds. Refuses with ArgumentInvalid: text that is not JSON, JSON
 * that is not an object, integers outside ±2^52, and numbers that are too large for a double
 * (spec/semantics §4.3). A number with a fraction or exponent is a float, whatever its value.
 */
export function parseTwinObject(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) {
    throw argumentInvalid(`The body should be a JSON object, but is ${kindOf(value)}`);
  }
  if (mayBeOutOfBounds.test(text)) checkNumbers(text);
  return value;
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw argumentInvalid("The body should be a JSON object, but is not valid JSON");
  }
}

function kindOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/**
 * A number out of bounds or too long has a run of 16 digits or an exponent of three. Strings may match too:
 * the scan then finds nothing.
 */
const mayBeOutOfBounds = /\d{16}|[eE][+-]?\d{3}/;

/** Once parsed, an integer can no longer be told from a float: so the literals are read. `text` is valid JSON. */
function checkNumbers(text: string): void {
  const stringsAndNumbers = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
  for (const token of text.matchAll(stringsAndNumbers)) {
    const problem = token[0].startsWith('"') ? undefined : problemOf(token[0]);
    if (problem === undefined) continue;
    const path = pathText(pathAt(text, token.index));
    throw argumentInvalid(`${problem}. Error in Property/Tag ${path}`);
  }
}

function problemOf(literal: string): string | undefined {
  const value = Number(literal);
  if (!/[.eE]/.test(literal)) {
    if (value >= minInteger && value <= maxInteger) return undefined;
    return `An integer should be between ${minInteger} and ${maxInteger}`;
  }
  if (literal.length > maxNumberLength) {
    return `A number should be maximum ${maxNumberLength} characters long`;
  }
  return Number.isFinite(value) ? undefined : "A number should be finite";
}
