import type { JsonObject } from "../json.ts";
import type { Expression, PathExpression, Scalar } from "./ast.ts";
import { functions } from "./functions.ts";
import { likeMatcher } from "./like.ts";
import { calculate, compareValues, readerOf, type Value } from "./values.ts";

/** A compiled expression. `device` is the row of a module's device, wanted only by queries that use it. */
export type Evaluate = (row: JsonObject, device?: JsonObject) => Value;

/**
 * Compiles a condition into closures: a row passes only if it is exactly `true` (spec/semantics §6.4).
 * Rows are what `serviceView` makes, or job rows.
 */
export function compileCondition(
  expression: Expression,
): (row: JsonObject, device?: JsonObject) => boolean {
  const evaluate = compileExpression(expression);
  return (row, device) => evaluate(row, device) === true;
}

/** Compiles an expression to what it gives for a row; never throws for any row. */
export function compileExpression(expression: Expression): Evaluate {
  switch (expression.kind) {
    case "literal":
      return constant(expression.value);
    case "undefined":
      return constant(undefined);
    case "array":
      return constant(expression.values);
    case "path":
      return compilePath(expression);
    case "and":
      return junction(expression.operands.map(compileExpression), false);
    case "or":
      return junction(expression.operands.map(compileExpression), true);
    case "not":
      return negation(compileExpression(expression.operand));
    case "negate":
      return opposite(compileExpression(expression.operand));
    case "compare":
      return comparison(expression);
    case "in":
      return membership(compileExpression(expression.operand), expression.values);
    case "like":
      return likeness(compileExpression(expression.operand), expression.pattern);
    case "arithmetic":
      return arithmetic(expression);
    case "call":
      return call(expression);
  }
}

export function compilePath({ of, segments }: PathExpression): Evaluate {
  const read = readerOf(segments);
  if (of === "row") return read;
  return (_row, device) => (device === undefined ? undefined : read(device));
}

function constant(value: Value): Evaluate {
  return () => value;
}

/** AND and OR: `decisive` settles the result alone; otherwise anything that is no boolean makes it undefined. */
function junction(operands: readonly Evaluate[], decisive: boolean): Evaluate {
  return (row, device) => {
    let result: boolean | undefined = !decisive;
    for (const operand of operands) {
      const value = operand(row, device);
      if (value === decisive) return decisive;
      if (value !== !decisive) result = undefined;
    }
    return result;
  };
}

function negation(operand: Evaluate): Evaluate {
  return (row, device) => {
    const value = operand(row, device);
    return typeof value === "boolean" ? !value : undefined;
  };
}

function opposite(operand: Evaluate): Evaluate {
  return (row, device) => {
    const value = operand(row, device);
    return typeof value === "number" ? -value : undefined;
  };
}

function comparison({ operator, left, right }: Expression & { kind: "compare" }): Evaluate {
  const first = compileExpression(left);
  const second = compileExpression(right);
  return (row, device) => compareValues(operator, first(row, device), second(row, device));
}

/** A present value that equals no element is not in the list, whatever its type. */
function membership(operand: Evaluate, values: readonly Scalar[]): Evaluate {
  const set = new Set<Value>(values);
  return (row, device) => {
    const value = operand(row, device);
    return value === undefined ? undefined : set.has(value);
  };
}

function likeness(operand: Evaluate, pattern: string): Evaluate {
  const matches = likeMatcher(pattern);
  return (row, device) => {
    const value = operand(row, device);
    return typeof value === "string" ? matches(value) : undefined;
  };
}

function arithmetic({ operator, left, right }: Expression & { kind: "arithmetic" }): Evaluate {
  const first = compileExpression(left);
  const second = compileExpression(right);
  return (row, device) => calculate(operator, first(row, device), second(row, device));
}

function call(expression: Expression & { kind: "call" }): Evaluate {
  const apply: (...values: readonly Value[]) => Value = functions[expression.function].apply;
  const [first, second, ...more] = expression.arguments.map(compileExpression);
  if (first === undefined) return () => apply();
  if (second === undefined) return (row, device) => apply(first(row, device));
  if (more.length === 0) {
    return (row, device) => apply(first(row, device), second(row, device));
  }
  const all = [first, second, ...more];
  return (row, device) => apply(...all.map((argument) => argument(row, device)));
}
