import { compareLiteral, isOfType, isPlain } from "./sql-compare.ts";
import { all, fragment, inexact, never, type SqlFragment, unknown } from "./sql-fragment.ts";
import type { SqlOperand } from "./sql-operand.ts";

/** A surrogate without its other half: JSON escapes it, so that texts with it cannot be compared piece by piece. */
const loneSurrogate = /\p{Cs}/u;

/** When `operand` is a string that begins with `start`, or, unless `wanted`, a string that does not. */
export function startsWith(operand: SqlOperand, start: string, wanted: boolean): SqlFragment {
  if (operand.kind === "string") return idStartsWith(operand.value, start, wanted);
  const isText = isOfType(operand, ["text"]);
  if (operand.kind === "code" || operand.kind === "time") return inexact(isText);
  if (operand.kind !== "json") return isText;
  if (loneSurrogate.test(start)) return inexact(isText);
  const text = JSON.stringify(start).slice(0, -1);
  const operator = wanted ? "=" : "<>";
  // `substr` counts characters, not UTF-16 units.
  const beginning = `substr(${operand.text}, 1, ${charactersIn(text)})`;
  return all([isText, fragment(`${beginning} ${operator} ?`, text)]);
}

/** Unicode characters, as SQLite counts them. */
function charactersIn(text: string): number {
  return Array.from(text).length;
}

/** Ids are ASCII: a range, which an index answers. */
function idStartsWith(column: string, start: string, wanted: boolean): SqlFragment {
  if (!isPlain(start)) return unknown;
  return wanted
    ? fragment(`(${column} >= ? AND ${column} < ?)`, start, `${start}\x7f`)
    : fragment(`(${column} < ? OR ${column} >= ?)`, start, `${start}\x7f`);
}

/** When `operand` may be a string that holds `part`: its JSON text holds the part's, which is not all of it. */
export function mayContain(operand: SqlOperand, part: string): SqlFragment {
  const isText = isOfType(operand, ["text"]);
  if (operand.kind !== "json" || loneSurrogate.test(part)) return inexact(isText);
  const text = JSON.stringify(part).slice(1, -1);
  return inexact(all([isText, fragment(`instr(${operand.text}, ?) > 0`, text)]));
}

/** When `operand` may be a string that ends with `end`. */
export function mayEndWith(operand: SqlOperand, end: string): SqlFragment {
  const isText = isOfType(operand, ["text"]);
  if (operand.kind !== "json" || loneSurrogate.test(end)) return inexact(isText);
  const text = JSON.stringify(end).slice(1);
  const ending = `substr(${operand.text}, -${charactersIn(text)})`;
  return inexact(all([isText, fragment(`${ending} = ?`, text)]));
}

/** When `operand` may be an array with the element `value`: its JSON text holds the element's. */
export function mayHoldElement(
  operand: SqlOperand,
  value: string | number | boolean | null,
): SqlFragment {
  if (operand.kind === "missing") return never;
  const isArray = isOfType(operand, ["array"]);
  if (operand.kind !== "json") return inexact(isArray);
  return inexact(all([isArray, fragment(`instr(${operand.text}, ?) > 0`, JSON.stringify(value))]));
}

/** When `operand` may be a string like `pattern`: it begins with what stands before the first wildcard. */
export function mayBeLike(operand: SqlOperand, pattern: string): SqlFragment {
  const beginning = /^[^%_]*/.exec(pattern)?.[0] ?? "";
  const rest = pattern.slice(beginning.length);
  if (rest === "") return compareLiteral("=", operand, pattern);
  const starts = startsWith(operand, beginning, true);
  if (rest === "%") return starts;
  const longest = rest.split(/[%_]+/).reduce((a, b) => (b.length > a.length ? b : a), "");
  return inexact(all([starts, mayContain(operand, longest)]));
}
