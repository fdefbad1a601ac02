import type { FunctionName } from "./functions.ts";

/** The collections that can be queried (spec/semantics §6.2). */
export type Source = "devices" | "devices.modules" | "devices.jobs";

/** `strict` is what the cloud answers; `extended` adds functions, ORDER BY, LIKE, joins and EXPLAIN to it. */
export type Dialect = "strict" | "extended";

export type Scalar = null | boolean | number | string;

export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

export type Arithmetic = "+" | "-" | "*" | "/" | "%";

/**
 * A place in a row. The first segment has its canonical spelling, aliases are replaced and the collection's name is
 * stripped; no segments mean the whole. `device` is the device of a module's row.
 */
export interface PathExpression {
  readonly kind: "path";
  readonly of: "row" | "device";
  readonly segments: readonly string[];
}

/** What stands in WHERE (spec/semantics §6.1). `null` is a literal, `undefined` a kind of its own. */
export type Expression =
  | PathExpression
  | { readonly kind: "literal"; readonly value: Scalar }
  | { readonly kind: "undefined" }
  | { readonly kind: "array"; readonly values: readonly Scalar[] }
  | { readonly kind: "and" | "or"; readonly operands: readonly Expression[] }
  | { readonly kind: "not" | "negate"; readonly operand: Expression }
  | {
      readonly kind: "compare";
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "in"; readonly operand: Expression; readonly values: readonly Scalar[] }
  | { readonly kind: "like"; readonly operand: Expression; readonly pattern: string }
  | {
      readonly kind: "arithmetic";
      readonly operator: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "call";
      readonly function: FunctionName;
      readonly arguments: readonly Expression[];
    };

export type AggregateFunction = "count" | "avg" | "sum" | "min" | "max";

export interface AggregateExpression {
  readonly kind: "aggregate";
  readonly function: AggregateFunction;
  /** `null` for COUNT, which counts rows. */
  readonly path: PathExpression | null;
}

/** A selected column; `name` is its key in the answer. */
export interface Column {
  readonly name: string;
  readonly value: PathExpression | AggregateExpression;
}

export interface Order {
  /** A place in the source's row, or in the answer's row if the query has groups or aggregates. */
  readonly path: PathExpression;
  readonly descending: boolean;
}

export interface Query {
  /** As it was given: continuation tokens belong to it. */
  readonly text: string;
  readonly explain: boolean;
  readonly source: Source;
  /** `null` for `SELECT *`. */
  readonly columns: readonly Column[] | null;
  /** How many rows over all pages; `null` for all. */
  readonly top: number | null;
  readonly where: Expression | null;
  readonly groupBy: readonly PathExpression[];
  readonly orderBy: readonly Order[];
  /** Something asks for the device of a module's row. */
  readonly usesDevice: boolean;
}

/** Whom a configuration addresses (spec/semantics §13.1). */
export type Target =
  | { readonly kind: "none" }
  | {
      readonly kind: "twins";
      readonly source: "devices" | "devices.modules";
      /** `null` for all of them. */
      readonly where: Expression | null;
      readonly usesDevice: boolean;
    };
