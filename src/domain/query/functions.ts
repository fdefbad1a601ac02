import { type Json, isObject } from "../json.ts";
import { type Value, compareValues } from "./values.ts";

/** What a condition may call: its counts of arguments, and what it does with their values. */
export interface QueryFunction {
  readonly least: number;
  readonly most: number;
  /** Not part of IoT Hub's language: the strict dialect refuses it (spec/semantics §6.4, Q16). */
  readonly extension: boolean;
  /** Gives `undefined` for arguments of a wrong type. */
  readonly apply: (...values: readonly Value[]) => Value;
}

/** Longest text that CONCAT makes, in UTF-16 units: longer ones are `undefined`. */
export const maxConcatLength = 65_536;

function known(arguments_: number, apply: (...values: readonly Value[]) => Value): QueryFunction {
  return { least: arguments_, most: arguments_, extension: false, apply };
}

function extension(
  arguments_: number | readonly [least: number, most: number],
  apply: (...values: readonly Value[]) => Value,
): QueryFunction {
  const [least, most] = typeof arguments_ === "number" ? [arguments_, arguments_] : arguments_;
  return { least, most, extension: true, apply };
}

function ofText(apply: (text: string) => Value) {
  return (value: Value): Value => (typeof value === "string" ? apply(value) : undefined);
}

function ofTexts(apply: (text: string, other: string) => Value) {
  return (value: Value, other: Value): Value =>
    typeof value === "string" && typeof other === "string" ? apply(value, other) : undefined;
}

function ofNumber(apply: (number: number) => number) {
  return (value: Value): Value => (typeof value === "number" ? apply(value) : undefined);
}

/** All functions by name; what is missing has no type, so that `IS_STRING` of it is false. */
export const functions = {
  IS_DEFINED: known(1, (value) => value !== undefined),
  STARTSWITH: known(
    2,
    ofTexts((text, start) => text.startsWith(start)),
  ),
  ENDSWITH: known(
    2,
    ofTexts((text, end) => text.endsWith(end)),
  ),
  ARRAY_CONTAINS: known(2, arrayContains),
  CONTAINS: extension(
    2,
    ofTexts((text, part) => text.includes(part)),
  ),
  IS_NULL: extension(1, (value) => value === null),
  IS_STRING: extension(1, (value) => typeof value === "string"),
  IS_NUMBER: extension(1, (value) => typeof value === "number"),
  IS_BOOL: extension(1, (value) => typeof value === "boolean"),
  IS_OBJECT: extension(1, isObject),
  IS_ARRAY: extension(1, Array.isArray),
  IS_PRIMITIVE: extension(1, isPrimitive),
  LOWER: extension(
    1,
    ofText((text) => text.toLowerCase()),
  ),
  UPPER: extension(
    1,
    ofText((text) => text.toUpperCase()),
  ),
  TRIM: extension(
    1,
    ofText((text) => text.trim()),
  ),
  LENGTH: extension(
    1,
    ofText((text) => text.length),
  ),
  INDEX_OF: extension(
    2,
    ofTexts((text, part) => text.indexOf(part)),
  ),
  SUBSTRING: extension(3, substring),
  CONCAT: extension([2, 100], concat),
  ARRAY_LENGTH: extension(1, (value) => (Array.isArray(value) ? value.length : undefined)),
  ABS: extension(1, ofNumber(Math.abs)),
  CEILING: extension(1, ofNumber(Math.ceil)),
  FLOOR: extension(1, ofNumber(Math.floor)),
  ROUND: extension(1, ofNumber(Math.round)),
} as const satisfies Readonly<Record<string, QueryFunction>>;

export type FunctionName = keyof typeof functions;

/** The function's canonical name, whatever the case it was written in. */
export function findFunction(name: string): FunctionName | undefined {
  const upper = name.toUpperCase();
  return Object.hasOwn(functions, upper) ? (upper as FunctionName) : undefined;
}

export function isPrimitive(value: Value): value is null | boolean | number | string {
  return value !== undefined && (value === null || typeof value !== "object");
}

/** Looks for a primitive, by the rules of `=`. */
function arrayContains(array: Value, wanted: Value): Value {
  if (!Array.isArray(array) || !isPrimitive(wanted)) return undefined;
  return array.some((element: Json) => compareValues("=", element, wanted) === true);
}

/** `start` counts from 0, in UTF-16 units. */
function substring(text: Value, start: Value, length: Value): Value {
  if (typeof text !== "string" || typeof start !== "number" || typeof length !== "number") {
    return undefined;
  }
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0) {
    return undefined;
  }
  return text.slice(start, start + length);
}

function concat(...parts: readonly Value[]): Value {
  let text = "";
  for (const part of parts) {
    if (typeof part !== "string") return undefined;
    text += part;
  }
  return text.length <= maxConcatLength ? text : undefined;
}
