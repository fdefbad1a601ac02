import type { Comparison, Scalar } from "./ast.ts";
import {
  all,
  always,
  any,
  fragment,
  inexact,
  never,
  type SqlFragment,
  unknown,
} from "./sql-fragment.ts";
import { compareNumber, numberBound } from "./sql-number.ts";
import type { SqlOperand } from "./sql-operand.ts";
import { never as earliest } from "../time.ts";
import { holds } from "./values.ts";

type Json = SqlOperand & { readonly kind: "json" };
type Time = SqlOperand & { readonly kind: "time" };
type Code = SqlOperand & { readonly kind: "code" };

/** When `operand operator value` is true. */
export function compareLiteral(
  operator: Comparison,
  operand: SqlOperand,
  value: Scalar,
): SqlFragment {
  switch (operand.kind) {
    case "json":
      return compareJson(operator, operand, value);
    case "string":
      if (typeof value !== "string") return never;
      return isPlain(value) ? fragment(`${operand.value} ${operator} ?`, value) : unknown;
    case "integer":
      if (typeof value !== "number") return never;
      return fragment(`${operand.value} ${operator} ?`, value);
    case "code":
      return typeof value === "string" ? compareCode(operator, operand, value) : never;
    case "time":
      return typeof value === "string" ? mayCompareTime(operator, operand, value) : never;
    case "missing":
      return never;
    case "unknown":
      return unknown;
  }
}

/** Texts of times within one minute may be ordered otherwise than the times: `…:00Z` comes after `…:00.5Z`. */
const slack = 61_000;
const latest = 8_640_000_000_000_000;

/** When a time may compare so: never too few rows, and few too many. */
function mayCompareTime(operator: Comparison, { column }: Time, text: string): SqlFragment {
  const time = timeOf(text);
  if (time === undefined || operator === "=" || operator === "!=") return unknown;
  return inexact(
    holds(operator, -1)
      ? fragment(`${column(earliest)} <= ?`, time + slack)
      : fragment(`${column(latest)} >= ?`, time - slack),
  );
}

/** A date, or a date with a time in UTC, in milliseconds; undefined for every other text. */
function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?)?$/.test(text)) return undefined;
  const time = Date.parse(text.includes("T") && !text.endsWith("Z") ? `${text}Z` : text);
  // The 31st of February would be one of March.
  const isReal = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text.slice(0, 10));
  return isReal ? time : undefined;
}

/** Codes are not ordered as their numbers are. */
function compareCode(operator: Comparison, { column, numberOf }: Code, value: string): SqlFragment {
  if (operator !== "=" && operator !== "!=") return unknown;
  const number = numberOf(value);
  if (number !== undefined) return fragment(`${column} ${operator === "=" ? "=" : "<>"} ?`, number);
  return operator === "=" ? never : fragment(`${column} IS NOT NULL`);
}

function compareJson(operator: Comparison, operand: Json, value: Scalar): SqlFragment {
  if (operator === "=") return fragment(`${operand.text} = ?`, JSON.stringify(value));
  if (operator === "!=") {
    const differs = fragment(`${operand.text} <> ?`, JSON.stringify(value));
    return all([isOfType(operand, typesLike(value)), differs]);
  }
  if (typeof value === "number") return compareNumber(operator, operand, value);
  if (typeof value === "string") return compareString(operator, operand, value);
  if (value === null) return holds(operator, 0) ? isOfType(operand, ["null"]) : never;
  return any(
    [false, true]
      .filter((stored) => holds(operator, stored === value ? 0 : stored ? 1 : -1))
      .map((stored) => isOfType(operand, [String(stored)])),
  );
}

/**
 * SQLite orders strings by UTF-8 bytes, and before 3.46 it may end them at U+0000. Against a literal without
 * surrogates and U+E000–U+FFFF that is the order of UTF-16 units; where a cut string would equal the literal, its
 * JSON text tells. Each begins with one plain comparison, which an index on the value answers.
 */
function compareString(
  operator: "<" | "<=" | ">" | ">=",
  operand: Json,
  value: string,
): SqlFragment {
  const isText = isOfType(operand, ["text"]);
  if (!isPlain(value)) return inexact(isText);
  const text = JSON.stringify(value);
  const { value: stored } = operand;
  switch (operator) {
    case "<":
    case ">=":
      return all([isText, fragment(`${stored} ${operator} ?`, value)]);
    case "<=":
      return all([
        isText,
        fragment(`${stored} <= ?`, value),
        any([fragment(`${stored} < ?`, value), fragment(`${operand.text} = ?`, text)]),
      ]);
    case ">": {
      const cut = fragment(`(${stored} = ? AND ${operand.text} <> ?)`, value, text);
      const bound = fragment(`${stored} >= ?`, value);
      return all([isText, bound, any([fragment(`${stored} > ?`, value), cut])]);
    }
  }
}

/** One plain comparison that holds wherever `operand operator value` does, for an index on the value; null for none. */
export function indexBound(
  operator: "<" | "<=" | ">" | ">=",
  operand: SqlOperand,
  value: Scalar,
): SqlFragment | null {
  if (operand.kind !== "json") return null;
  if (typeof value === "number") return numberBound(operator, operand, value) ?? null;
  if (typeof value !== "string" || !isPlain(value)) return null;
  return fragment(`${operand.value} ${holds(operator, 1) ? ">=" : "<="} ?`, value);
}

/** True if a text can be bound and ordered as it is: neither U+0000 nor anything from U+D800 on. */
export function isPlain(text: string): boolean {
  return !/[\0\ud800-\uffff]/.test(text);
}

/** When two paths compare as wanted; only `=` and `!=` have an answer in SQL. */
export function comparePaths(
  operator: Comparison,
  left: SqlOperand,
  right: SqlOperand,
): SqlFragment {
  if (left.kind === "missing" || right.kind === "missing") return never;
  if (!isReadable(left) || !isReadable(right)) return unknown;
  if (operator !== "=" && operator !== "!=") return unknown;
  const comparable = fragment(
    `${typeClass(left)} = ${typeClass(right)} AND ${typeClass(left)} <> 'none'`,
  );
  const sqlOperator = operator === "=" ? "=" : "<>";
  return all([comparable, fragment(`${jsonTextOf(left)} ${sqlOperator} ${jsonTextOf(right)}`)]);
}

type Readable = Extract<SqlOperand, { readonly value: string }>;

function isReadable(operand: SqlOperand): operand is Readable {
  return "value" in operand;
}

/** Equal for values of one primitive type; `none` for arrays and objects. */
function typeClass(operand: Readable): string {
  switch (operand.kind) {
    case "json":
      return `CASE ${operand.type} WHEN 'integer' THEN 'real' WHEN 'false' THEN 'true' WHEN 'array' THEN 'none' WHEN 'object' THEN 'none' ELSE ${operand.type} END`;
    case "string":
      return "'text'";
    case "integer":
      return "'real'";
  }
}

/** A readable operand's value as JSON text. */
export function jsonTextOf(operand: Readable): string {
  switch (operand.kind) {
    case "json":
      return operand.text;
    // Ids hold nothing that JSON escapes.
    case "string":
      return `json_quote(${operand.value})`;
    case "integer":
      return `CAST(${operand.value} AS TEXT)`;
  }
}

/** When `operand` is one of `values`, or, unless `wanted`, is defined and none of them. */
export function isAmong(
  operand: SqlOperand,
  values: readonly Scalar[],
  wanted: boolean,
): SqlFragment {
  switch (operand.kind) {
    case "missing":
      return never;
    case "unknown":
      return unknown;
    case "json":
      return among(
        operand.text,
        values.map((value) => JSON.stringify(value)),
        wanted,
      );
    case "string": {
      const texts = values.filter((value) => typeof value === "string");
      return texts.every(isPlain) ? among(operand.value, texts, wanted) : unknown;
    }
    case "integer": {
      const numbers = values.filter((value) => typeof value === "number");
      return among(operand.value, numbers, wanted);
    }
    case "time":
      return unknown;
    case "code": {
      const numbers = values.flatMap((value) => {
        const number = typeof value === "string" ? operand.numberOf(value) : undefined;
        return number === undefined ? [] : [number];
      });
      return among(operand.column, numbers, wanted);
    }
  }
}

function among(sql: string, values: readonly (string | number)[], wanted: boolean): SqlFragment {
  if (values.length === 0) return wanted ? never : fragment(`${sql} IS NOT NULL`);
  const list = values.map(() => "?").join(", ");
  return fragment(`${sql} ${wanted ? "IN" : "NOT IN"} (${list})`, ...values);
}

/** When `operand` is defined, or, unless `wanted`, is not. */
export function isDefined(operand: SqlOperand, wanted: boolean): SqlFragment {
  switch (operand.kind) {
    case "json":
      return fragment(`${operand.type} IS ${wanted ? "NOT " : ""}NULL`);
    case "string":
    case "integer":
      return fragment(`${operand.value} IS ${wanted ? "NOT " : ""}NULL`);
    case "time":
      return wanted ? always : never;
    case "code":
      return fragment(`${operand.column} IS ${wanted ? "NOT " : ""}NULL`);
    case "missing":
      return wanted ? never : always;
    case "unknown":
      return unknown;
  }
}

/** When `operand` has one of the types of json_type. */
export function isOfType(operand: SqlOperand, types: readonly string[]): SqlFragment {
  switch (operand.kind) {
    case "json":
      return fragment(`${operand.type} IN (${types.map((type) => `'${type}'`).join(", ")})`);
    case "string":
    case "code":
    case "time":
      return types.includes("text") ? isDefined(operand, true) : never;
    case "integer":
      return types.includes("integer") ? isDefined(operand, true) : never;
    case "missing":
      return never;
    case "unknown":
      return unknown;
  }
}

function typesLike(value: Scalar): readonly string[] {
  if (value === null) return ["null"];
  if (typeof value === "boolean") return ["true", "false"];
  return typeof value === "number" ? ["integer", "real"] : ["text"];
}
