import type { Json } from "../json.ts";

/** A path that leads nowhere in a body or twin that can be read: compares like `null`, but is not defined. */
export const missing: unique symbol = Symbol("missing");

/** A text of a body that IoT Hub reads as a date: it is defined, but has no order and is no string. */
export const date: unique symbol = Symbol("date");

/** What an expression can be worth. `undefined` spreads through everything but AND, OR and `??`. */
export type Value = undefined | typeof missing | typeof date | Json;

/** What a condition is worth: only `true` matches. */
export type Truth = boolean | null | undefined;

/** `missing` counts as `null` wherever its value matters, and nothing can be done with a date. */
export function plain(value: Value): undefined | Json {
  if (value === missing) return null;
  return value === date ? undefined : value;
}

/** A condition's result: what is no boolean is undefined. */
export function truthOf(value: Value): Truth {
  const found = plain(value);
  return typeof found === "boolean" || found === null ? found : undefined;
}

export function not(value: Value): Truth {
  const truth = truthOf(value);
  return truth === undefined ? undefined : truth !== true;
}

/** `null` takes all; else `false` does, else `undefined` (spec/semantics §11.2). */
export function and(left: Value, right: Value): Truth {
  const a = truthOf(left);
  const b = truthOf(right);
  if (a === null || b === null) return null;
  if (a === false || b === false) return false;
  return a === undefined || b === undefined ? undefined : true;
}

/** `null` gives way to the other side; else `true` takes all, else `undefined` (spec/semantics §11.2). */
export function or(left: Value, right: Value): Truth {
  const a = truthOf(left);
  const b = truthOf(right);
  if (a === null) return b;
  if (b === null) return a;
  if (a === true || b === true) return true;
  return a === undefined || b === undefined ? undefined : false;
}

/** The order of values of different types; numbers, strings and booleans compare by themselves. */
const ranks = { null: 0, boolean: 1, number: 2, string: 3 } as const;

/**
 * Less than, equal to or greater than 0; `undefined` if either side is undefined or has no order: objects, arrays,
 * and in bodies date texts (spec/semantics §11.2). Strings compare by UTF-16 units, with case.
 */
export function compare(left: Value, right: Value): number | undefined {
  const a = plain(left);
  const b = plain(right);
  if (a === undefined || b === undefined) return undefined;
  if (typeof a === "object" && a !== null) return undefined;
  if (typeof b === "object" && b !== null) return undefined;
  const order = ranks[rankOf(a)] - ranks[rankOf(b)];
  if (order !== 0 || a === null || b === null) return order;
  return a < b ? -1 : a > b ? 1 : 0;
}

function rankOf(value: null | boolean | number | string): keyof typeof ranks {
  if (value === null) return "null";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "number" ? "number" : "string";
}

/** Not a number means undefined; infinity is a value (spec/semantics §11.2). */
export function numeric(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
