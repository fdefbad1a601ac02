import type { BinaryOperator } from "./ast.ts";
import { concat } from "./functions.ts";
import type { MessageView } from "./message-view.ts";
import { type Value, and, compare, missing, numeric, or } from "./values.ts";

/** Types are known before any message is; only what stands in bodies and twins is `dynamic`. `error`: has been told. */
export type Type = "number" | "string" | "boolean" | "null" | "undefined" | "dynamic" | "error";

export type Run = (view: MessageView) => Value;

/** What AND, OR and NOT take. */
export function isLogical(type: Type): boolean {
  return type === "boolean" || type === "null" || type === "undefined" || type === "dynamic";
}

/** The type of a binary operation; undefined if its operands don't fit (spec/semantics §11.2). */
export function resultType(operator: BinaryOperator, left: Type, right: Type): Type | undefined {
  const agree = left === right || left === "dynamic" || right === "dynamic";
  const both = (type: Type): boolean =>
    [left, right].every((one) => one === type || one === "dynamic");
  switch (operator) {
    case "??":
      return agree ? (left === right ? left : "dynamic") : undefined;
    case "or":
    case "and": {
      if (!isLogical(left) || !isLogical(right)) return undefined;
      const isNull =
        operator === "or"
          ? left === "null" && right === "null"
          : left === "null" || right === "null";
      return isNull ? "null" : "boolean";
    }
    case "=":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return agree ? "boolean" : undefined;
    case "||":
      return both("string") ? "string" : undefined;
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      if (!both("number")) return undefined;
      return left === "dynamic" || right === "dynamic" ? "dynamic" : "number";
  }
}

/** Both sides are always asked: `null` on the right of AND counts even if the left is false. */
export function binaryRun(operator: BinaryOperator, left: Run, right: Run): Run {
  const compared = (holds: (order: number) => boolean): Run => {
    return (view) => {
      const order = compare(left(view), right(view));
      return order === undefined ? undefined : holds(order);
    };
  };
  const computed = (compute: (a: number, b: number) => number): Run => {
    return (view) => {
      const a = left(view);
      const b = right(view);
      return typeof a === "number" && typeof b === "number" ? numeric(compute(a, b)) : undefined;
    };
  };
  switch (operator) {
    case "??":
      return (view) => {
        const value = left(view);
        return value === undefined || value === missing ? right(view) : value;
      };
    case "or":
      return (view) => or(left(view), right(view));
    case "and":
      return (view) => and(left(view), right(view));
    case "=":
      return compared((order) => order === 0);
    case "!=":
      return compared((order) => order !== 0);
    case "<":
      return compared((order) => order < 0);
    case "<=":
      return compared((order) => order <= 0);
    case ">":
      return compared((order) => order > 0);
    case ">=":
      return compared((order) => order >= 0);
    case "||":
      return (view) => concat([left(view), right(view)]);
    case "+":
      return computed((a, b) => a + b);
    case "-":
      return computed((a, b) => a - b);
    case "*":
      return computed((a, b) => a * b);
    case "/":
      return computed((a, b) => a / b);
    case "%":
      return computed((a, b) => a % b);
  }
}
