import { type Json, type JsonObject, isObject } from "../json.ts";
import type { Arithmetic, Comparison } from "./ast.ts";

/** What an expression can be: a JSON value, or `undefined` for what is missing or makes no sense (spec/semantics §6.4). */
export type Value = Json | undefined;

/**
 * Three-valued comparison: `undefined` unless both sides are primitives of one type. Strings compare by UTF-16 unit,
 * `false` is less than `true`, and `null` equals itself.
 */
export function compareValues(
  operator: Comparison,
  left: Value,
  right: Value,
): boolean | undefined {
  if (left === null || right === null) {
    return left === right ? holds(operator, 0) : undefined;
  }
  if (typeof left !== typeof right || typeof left === "object" || left === undefined) {
    return undefined;
  }
  // Of one type by now, whichever it is.
  const a = left as string;
  const b = right as string;
  return holds(operator, a < b ? -1 : a > b ? 1 : 0);
}

/** What `operator` says about two values of which the first is less (-1), equal (0) or greater (1). */
export function holds(operator: Comparison, order: -1 | 0 | 1): boolean {
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/** Numbers only; `undefined` for everything else, for division by zero and for results without a finite value. */
export function calculate(operator: Arithmetic, left: Value, right: Value): number | undefined {
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  const result = calculated(operator, left, right);
  return Number.isFinite(result) ? result : undefined;
}

function calculated(operator: Arithmetic, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
  }
}

/** The own member of `value` at the end of `segments`, or `undefined`; arrays and strings have no members. */
export function valueAt(value: Value, segments: readonly string[]): Value {
  let found: Value = value;
  for (const segment of segments) {
    if (!isObject(found) || !Object.hasOwn(found, segment)) return undefined;
    found = found[segment];
  }
  return found;
}

/** `valueAt` for one row and fixed segments. */
export function readerOf(segments: readonly string[]): (row: JsonObject) => Value {
  const [first, ...rest] = segments;
  if (first === undefined) return (row) => row;
  if (rest.length === 0) return (row) => (Object.hasOwn(row, first) ? row[first] : undefined);
  return (row) => (Object.hasOwn(row, first) ? valueAt(row[first], rest) : undefined);
}

/**
 * A total order over all values, for ORDER BY, MIN and MAX: what is missing comes first, then null, booleans, numbers,
 * strings, and last arrays and objects, which are equal among themselves.
 */
export function orderValues(left: Value, right: Value): -1 | 0 | 1 {
  const leftRank = rankOf(left);
  const rightRank = rankOf(right);
  if (leftRank !== rightRank) return leftRank < rightRank ? -1 : 1;
  if (typeof left === "object" || left === undefined) return 0;
  const a = left as string;
  const b = right as string;
  return a < b ? -1 : a > b ? 1 : 0;
}

function rankOf(value: Value): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  switch (typeof value) {
    case "boolean":
      return 2;
    case "number":
      return 3;
    case "string":
      return 4;
    default:
      return 5;
  }
}
