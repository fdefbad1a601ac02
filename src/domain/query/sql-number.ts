import type { Comparison } from "./ast.ts";
import { all, any, fragment, inexact, type SqlFragment } from "./sql-fragment.ts";
import type { SqlOperand } from "./sql-operand.ts";
import { holds } from "./values.ts";

type JsonOperand = SqlOperand & { readonly kind: "json" };

/**
 * SQLite promises 15 digits of a JSON number's text; 3.45 was seen to miss by one ulp, once in five thousand numbers.
 * This many neighbours on each side are decided by the text itself, which is unique for each number.
 */
const margin = 8;

/** Beyond these magnitudes neighbours are too close to zero or infinity: rows are looked at again. */
const least = 1e-290;
const most = 1e290;

/** `operand operator number` for a JSON number; `=` and `!=` compare texts and do not come here. */
export function compareNumber(operator: Order, operand: JsonOperand, number: number): SqlFragment {
  const isNumber = fragment(`${operand.type} IN ('integer', 'real')`);
  const bound = numberBound(operator, operand, number);
  if (bound === undefined) return inexact(isNumber);
  const decided =
    number === 0 ? compareWithZero(operator, operand) : compareFar(operator, operand, number);
  return all([isNumber, bound, decided]);
}

/** One plain comparison that holds wherever `operand operator number` does, for an index on the value. */
export function numberBound(
  operator: Order,
  { value }: JsonOperand,
  number: number,
): SqlFragment | undefined {
  const magnitude = Math.abs(number);
  if (number !== 0 && (magnitude < least || magnitude > most)) return undefined;
  const isUpward = holds(operator, 1);
  const edge = number === 0 ? 0 : (neighbours(number, isUpward ? -1 : 1)[margin - 1] ?? number);
  return fragment(`${value} ${isUpward ? ">=" : "<="} ?`, edge);
}

type Order = "<" | "<=" | ">" | ">=";

/** The sign is in the text: JSON has no other text for zero than `0`. */
function compareWithZero(operator: Comparison, { text }: JsonOperand): SqlFragment {
  const negative = fragment(`${text} GLOB '-*'`);
  const positive = fragment(`${text} NOT GLOB '-*' AND ${text} <> '0'`);
  const zero = fragment(`${text} = '0'`);
  return any([
    ...(holds(operator, -1) ? [negative] : []),
    ...(holds(operator, 0) ? [zero] : []),
    ...(holds(operator, 1) ? [positive] : []),
  ]);
}

function compareFar(operator: Order, { text, value }: JsonOperand, number: number): SqlFragment {
  const below = neighbours(number, -1);
  const above = neighbours(number, 1);
  const near = [
    ...(holds(operator, -1) ? below : []),
    ...(holds(operator, 0) ? [number] : []),
    ...(holds(operator, 1) ? above : []),
  ];
  const far = holds(operator, 1)
    ? fragment(`${value} > ?`, above[margin - 1] ?? number)
    : fragment(`${value} < ?`, below[margin - 1] ?? number);
  const close = fragment(
    `${value} BETWEEN ? AND ?`,
    below[margin - 1] ?? number,
    above[margin - 1] ?? number,
  );
  const said = fragment(
    `${text} IN (${near.map(() => "?").join(", ")})`,
    ...near.map((candidate) => JSON.stringify(candidate)),
  );
  return any([far, all([close, said])]);
}

/** The next `2 * margin` doubles in one direction, nearest first: those within the margin may be read as others within it. */
function neighbours(number: number, direction: -1 | 1): readonly number[] {
  const float = new Float64Array([number]);
  const bits = new BigInt64Array(float.buffer);
  const outward = (number > 0 ? 1n : -1n) * BigInt(direction);
  return Array.from({ length: 2 * margin }, () => {
    bits[0] = (bits[0] ?? 0n) + outward;
    return float[0] ?? number;
  });
}
