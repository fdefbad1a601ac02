import type { TwinScan } from "../../app/ports.ts";
import type { Expression, PathExpression } from "../../domain/query/ast.ts";
import { type SqlFragment, sqlIndexBound } from "../../domain/query/sql.ts";

/** Conditions that say more are scanned: what an index leaves over might take long. */
const maxParts = 20;

/**
 * How the rows of a condition are found. `key`: by their device ids. `equal`: by an index, in the order of their keys.
 * `range`: by an index, in its own order, worth it if `bound` leaves few rows. `none`: only by looking at all.
 */
export type IndexUse =
  | { readonly kind: "none" | "key" }
  | { readonly kind: "equal"; readonly path: readonly string[] }
  | { readonly kind: "range"; readonly path: readonly string[]; readonly bound: SqlFragment };

const none: IndexUse = { kind: "none" };

/** Finds the best part of a condition. `isIndexed` knows the paths of declared indexes. */
export function indexUse(
  where: Expression | null,
  source: TwinScan["source"],
  isIndexed: (path: readonly string[]) => boolean,
): IndexUse {
  if (where === null || countParts(where) > maxParts) return none;
  const parts = where.kind === "and" ? where.operands : [where];
  let found = none;
  for (const part of parts) {
    const use = useOf(part, source, isIndexed);
    if (use.kind === "key" || (use.kind === "equal" && found.kind !== "equal")) found = use;
    if (use.kind === "range" && found.kind === "none") found = use;
    if (found.kind === "key") break;
  }
  return found;
}

function useOf(
  part: Expression,
  source: TwinScan["source"],
  isIndexed: (path: readonly string[]) => boolean,
): IndexUse {
  const path = comparedPath(part);
  if (path === undefined || path.of !== "row") return none;
  const { segments } = path;
  const isEqual = part.kind === "in" || (part.kind === "compare" && part.operator === "=");
  if (segments.length === 1 && segments[0] === "deviceId") return isEqual ? { kind: "key" } : none;
  if (!isIndexed(segments)) return none;
  if (isEqual) return { kind: "equal", path: segments };
  const bound = part.kind === "compare" ? sqlIndexBound(part, source) : null;
  return bound === null ? none : { kind: "range", path: segments, bound };
}

/** The path that is compared with a constant. */
function comparedPath(part: Expression): PathExpression | undefined {
  if (part.kind === "in") return part.operand.kind === "path" ? part.operand : undefined;
  if (part.kind !== "compare") return undefined;
  const { left, right } = part;
  if (left.kind === "path" && right.kind === "literal") return left;
  return right.kind === "path" && left.kind === "literal" ? right : undefined;
}

function countParts(expression: Expression): number {
  switch (expression.kind) {
    case "path":
    case "literal":
    case "undefined":
    case "array":
      return 1;
    case "and":
    case "or":
      return expression.operands.reduce((sum, operand) => sum + countParts(operand), 0);
    case "not":
    case "negate":
    case "in":
    case "like":
      return countParts(expression.operand);
    case "compare":
    case "arithmetic":
      return countParts(expression.left) + countParts(expression.right);
    case "call":
      return expression.arguments.reduce((sum, argument) => sum + countParts(argument), 1);
  }
}
