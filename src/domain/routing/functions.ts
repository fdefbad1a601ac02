import { isObject } from "../json.ts";
import { type Value, date, missing, numeric, plain } from "./values.ts";

export type ParameterType = "any" | "number" | "string" | "numberOrString";

/** A function of the condition language. */
export interface ConditionFunction {
  readonly parameters: readonly ParameterType[];
  /** How many of the parameters must be given; all if missing. */
  readonly required?: number;
  /** The type of any number of arguments after the parameters. */
  readonly rest?: ParameterType;
  readonly result: "number" | "string" | "boolean";
  readonly run: (args: readonly Value[]) => Value;
}

/** By name in lower case (spec/semantics §11.2); `twin_change_includes` takes a path and is compiled apart. */
export const functions: ReadonlyMap<string, ConditionFunction> = new Map<string, ConditionFunction>(
  [
    ["abs", math(Math.abs)],
    ["exp", math(Math.exp)],
    ["square", math((x) => x * x)],
    ["ceiling", math(Math.ceil)],
    ["floor", math(Math.floor)],
    ["sign", math(Math.sign)],
    ["sqrt", math(Math.sqrt)],
    [
      "power",
      {
        parameters: ["number", "number"],
        result: "number",
        run: ([x, y]) =>
          typeof x === "number" && typeof y === "number" ? numeric(x ** y) : undefined,
      },
    ],
    ["as_number", { parameters: ["numberOrString"], result: "number", run: ([x]) => asNumber(x) }],
    ["is_defined", test((x) => x !== undefined && x !== missing)],
    ["is_null", test((x) => plain(x) === null)],
    ["is_bool", test((x) => typeof x === "boolean")],
    ["is_number", test((x) => typeof x === "number" && Number.isFinite(x))],
    ["is_string", test((x) => typeof x === "string")],
    ["is_array", test((x) => Array.isArray(x))],
    ["is_object", test((x) => x !== missing && x !== date && isObject(x))],
    ["is_primitive", test((x) => x === null || ["boolean", "number", "string"].includes(typeof x))],
    ["concat", { parameters: ["string", "string"], rest: "string", result: "string", run: concat }],
    ["length", text((x) => x.length, "number")],
    ["lower", text((x) => x.toLowerCase(), "string")],
    ["upper", text((x) => x.toUpperCase(), "string")],
    [
      "substring",
      { parameters: ["string", "number", "number"], required: 2, result: "string", run: substring },
    ],
    ["index_of", search((x, y) => x.indexOf(y), "number")],
    ["starts_with", search((x, y) => x.startsWith(y), "boolean")],
    ["ends_with", search((x, y) => x.endsWith(y), "boolean")],
    ["contains", search((x, y) => x.includes(y), "boolean")],
  ],
);

function math(compute: (x: number) => number): ConditionFunction {
  return {
    parameters: ["number"],
    result: "number",
    run: ([x]) => (typeof x === "number" ? numeric(compute(x)) : undefined),
  };
}

function test(holds: (x: Value) => boolean): ConditionFunction {
  return { parameters: ["any"], result: "boolean", run: ([x]) => holds(x) };
}

function text(compute: (x: string) => Value, result: "number" | "string"): ConditionFunction {
  return {
    parameters: ["string"],
    result,
    run: ([x]) => (typeof x === "string" ? compute(x) : undefined),
  };
}

function search(
  compute: (x: string, y: string) => Value,
  result: "number" | "boolean",
): ConditionFunction {
  return {
    parameters: ["string", "string"],
    result,
    run: ([x, y]) => (typeof x === "string" && typeof y === "string" ? compute(x, y) : undefined),
  };
}

/** A property without a value counts as an empty string. */
export function concat(args: readonly Value[]): Value {
  let joined = "";
  for (const arg of args) {
    if (typeof arg === "string") joined += arg;
    else if (arg !== null) return undefined;
  }
  return joined;
}

/** Undefined if it begins outside of the text; what is longer than the text ends with it. */
function substring([x, from, count]: readonly Value[]): Value {
  if (typeof x !== "string" || typeof from !== "number") return undefined;
  const start = Math.trunc(from);
  if (!(start >= 0 && start <= x.length)) return undefined;
  if (count === undefined) return x.slice(start);
  return typeof count === "number" && count >= 0
    ? x.slice(start, start + Math.trunc(count))
    : undefined;
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

function asNumber(x: Value): Value {
  if (typeof x === "number") return x;
  if (typeof x !== "string") return undefined;
  const trimmed = x.trim();
  return decimal.test(trimmed) ? Number(trimmed) : undefined;
}
