import type { Comparison, Expression, PathExpression } from "./ast.ts";
import { compileExpression } from "./evaluate.ts";
import { type FunctionName, isPrimitive } from "./functions.ts";
import {
  compareLiteral,
  comparePaths,
  indexBound,
  isAmong,
  isDefined,
  isOfType,
  jsonTextOf,
} from "./sql-compare.ts";
import { all, always, any, inexact, never, type SqlFragment, unknown } from "./sql-fragment.ts";
import { type SqlOperand, sqlOperand, type TwinSource } from "./sql-operand.ts";
import { mayBeLike, mayContain, mayEndWith, mayHoldElement, startsWith } from "./sql-text.ts";
import type { Value } from "./values.ts";

export type { SqlFragment } from "./sql-fragment.ts";

/**
 * Says a condition as a WHERE fragment for the SQLite store (SQLite 3.45), over `twins t` joined with `identities i`
 * by key; the caller adds `module_id = ''` or `> ''` for the source. Every row for which `compileCondition` is true
 * passes; unless `exact`, others may too, and the caller looks at the rows again. `null` if nothing can be said.
 * Whatever the query's author wrote is a parameter, except the names in JSON paths, which are quoted literals.
 */
export function compileToSql(
  expression: Expression,
  _dialect: "sqlite",
  source: TwinSource,
): SqlFragment | null {
  const compiled = new SqlCompiler(source).condition(expression, true);
  return compiled.sql === "1" && !compiled.exact ? null : compiled;
}

/**
 * An expression for a path's value as JSON text, the same for the same value, over the same tables; NULL where the path
 * is undefined. `undefined` if SQL can't reach it.
 */
export function sqlJsonText(path: PathExpression, source: TwinSource): string | undefined {
  const operand = sqlOperand(path, source);
  switch (operand.kind) {
    case "unknown":
    case "code":
    case "time":
      return undefined;
    case "missing":
      return "NULL";
    case "json":
    case "string":
    case "integer":
      return jsonTextOf(operand);
  }
}

/** What a range of an index says of `path operator value`: it holds wherever that does. */
export function sqlIndexBound(
  { operator, left, right }: Expression & { readonly kind: "compare" },
  source: TwinSource,
): SqlFragment | null {
  const [path, literal] = left.kind === "path" ? [left, right] : [right, left];
  const direction = left.kind === "path" ? operator : mirrored(operator);
  if (path.kind !== "path" || literal.kind !== "literal") return null;
  if (direction === "=" || direction === "!=") return null;
  return indexBound(direction, sqlOperand(path, source), literal.value);
}

const emptyRow = {};

class SqlCompiler {
  readonly #source: TwinSource;

  constructor(source: TwinSource) {
    this.#source = source;
  }

  /**
   * When the expression is exactly `wanted`. Asking for true and for false apart keeps `undefined` out of SQL: there
   * is no NOT over a fragment, whose NULL would differ from ours.
   */
  condition(expression: Expression, wanted: boolean): SqlFragment {
    const constant = constantOf(expression);
    if (constant !== undefined) return constant.value === wanted ? always : never;
    switch (expression.kind) {
      case "and":
      case "or": {
        const parts = expression.operands.map((operand) => this.condition(operand, wanted));
        return (expression.kind === "and") === wanted ? all(parts) : any(parts);
      }
      case "not":
        return this.condition(expression.operand, !wanted);
      case "path":
        return isOfType(this.#operand(expression), [String(wanted)]);
      case "compare":
        return this.#comparison(expression, wanted);
      case "in":
        return isAmong(this.#operand(expression.operand), expression.values, wanted);
      case "like": {
        const operand = this.#operand(expression.operand);
        if (wanted) return mayBeLike(operand, expression.pattern);
        return inexact(isOfType(operand, ["text"]));
      }
      case "call":
        return this.#call(expression.function, expression.arguments, wanted);
      case "literal":
      case "undefined":
      case "array":
      case "arithmetic":
      case "negate":
        // Never true or false.
        return never;
    }
  }

  #comparison(expression: Expression & { kind: "compare" }, wanted: boolean): SqlFragment {
    const operator = wanted ? expression.operator : opposite(expression.operator);
    const left = constantOf(expression.left);
    const right = constantOf(expression.right);
    if (right !== undefined) return this.#withConstant(operator, expression.left, right.value);
    if (left !== undefined) {
      return this.#withConstant(mirrored(operator), expression.right, left.value);
    }
    return comparePaths(operator, this.#operand(expression.left), this.#operand(expression.right));
  }

  #withConstant(operator: Comparison, operand: Expression, value: Value): SqlFragment {
    if (!isPrimitive(value)) return never;
    if (operand.kind === "path") return compareLiteral(operator, this.#operand(operand), value);
    const numbers = new Map<string, SqlOperand>();
    this.#collectNumbers(operand, numbers);
    return all([unknown, ...[...numbers.values()].map(isNumber)]);
  }

  /** Arithmetic is defined only if every path in it is a number. */
  #collectNumbers(expression: Expression, numbers: Map<string, SqlOperand>): void {
    const sides =
      expression.kind === "arithmetic"
        ? [expression.left, expression.right]
        : expression.kind === "negate"
          ? [expression.operand]
          : [];
    for (const side of sides) {
      if (side.kind === "path") numbers.set(JSON.stringify(side), this.#operand(side));
      else this.#collectNumbers(side, numbers);
    }
  }

  #call(name: FunctionName, [first, second]: readonly Expression[], wanted: boolean): SqlFragment {
    const operand = this.#operand(first);
    switch (name) {
      case "IS_DEFINED":
        return isDefined(operand, wanted);
      case "IS_NULL":
        return hasType(operand, ["null"], wanted);
      case "IS_STRING":
        return hasType(operand, ["text"], wanted);
      case "IS_NUMBER":
        return hasType(operand, ["integer", "real"], wanted);
      case "IS_BOOL":
        return hasType(operand, ["true", "false"], wanted);
      case "IS_OBJECT":
        return hasType(operand, ["object"], wanted);
      case "IS_ARRAY":
        return hasType(operand, ["array"], wanted);
      case "IS_PRIMITIVE":
        return hasType(operand, ["null", "text", "integer", "real", "true", "false"], wanted);
      case "STARTSWITH":
      case "ENDSWITH":
      case "CONTAINS":
      case "ARRAY_CONTAINS":
        return withSecond(name, operand, second, wanted);
      default:
        return unknown;
    }
  }

  #operand(expression: Expression | undefined): SqlOperand {
    if (expression?.kind === "path") return sqlOperand(expression, this.#source);
    return { kind: "unknown" };
  }
}

function isNumber(operand: SqlOperand): SqlFragment {
  return isOfType(operand, ["integer", "real"]);
}

function hasType(operand: SqlOperand, types: readonly string[], wanted: boolean): SqlFragment {
  if (wanted) return isOfType(operand, types);
  const others = ["null", "text", "integer", "real", "true", "false", "object", "array"];
  const rest = others.filter((type) => !types.includes(type));
  return any([isDefined(operand, false), isOfType(operand, rest)]);
}

function withSecond(
  name: "STARTSWITH" | "ENDSWITH" | "CONTAINS" | "ARRAY_CONTAINS",
  operand: SqlOperand,
  second: Expression | undefined,
  wanted: boolean,
): SqlFragment {
  const constant = second === undefined ? undefined : constantOf(second);
  if (constant === undefined) {
    return inexact(isOfType(operand, [name === "ARRAY_CONTAINS" ? "array" : "text"]));
  }
  const { value } = constant;
  if (name === "ARRAY_CONTAINS") {
    if (!isPrimitive(value)) return never;
    return wanted ? mayHoldElement(operand, value) : inexact(isOfType(operand, ["array"]));
  }
  if (typeof value !== "string") return never;
  if (name === "STARTSWITH") return startsWith(operand, value, wanted);
  if (!wanted) return inexact(isOfType(operand, ["text"]));
  return name === "CONTAINS" ? mayContain(operand, value) : mayEndWith(operand, value);
}

/** The value of an expression that reads no row. */
function constantOf(expression: Expression): { readonly value: Value } | undefined {
  return readsRow(expression) ? undefined : { value: compileExpression(expression)(emptyRow) };
}

function readsRow(expression: Expression): boolean {
  switch (expression.kind) {
    case "path":
      return true;
    case "literal":
    case "undefined":
    case "array":
      return false;
    case "and":
    case "or":
      return expression.operands.some(readsRow);
    case "not":
    case "negate":
    case "in":
    case "like":
      return readsRow(expression.operand);
    case "compare":
    case "arithmetic":
      return readsRow(expression.left) || readsRow(expression.right);
    case "call":
      return expression.arguments.some(readsRow);
  }
}

/** True where `operator` is false, for values that compare at all. */
function opposite(operator: Comparison): Comparison {
  switch (operator) {
    case "=":
      return "!=";
    case "!=":
      return "=";
    case "<":
      return ">=";
    case "<=":
      return ">";
    case ">":
      return "<=";
    case ">=":
      return "<";
  }
}

/** The same comparison with its sides exchanged. */
function mirrored(operator: Comparison): Comparison {
  switch (operator) {
    case "<":
      return ">";
    case "<=":
      return ">=";
    case ">":
      return "<";
    case ">=":
      return "<=";
    case "=":
    case "!=":
      return operator;
  }
}
