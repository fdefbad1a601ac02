import type { Arithmetic, Comparison, Scalar } from "./ast.ts";

/** What the generated parser builds: nothing is checked or resolved yet. `at` counts UTF-16 units from the text's start. */
export interface RawSegment {
  readonly name: string;
  /** Written as `[[name]]`. */
  readonly quoted: boolean;
}

export interface RawPath {
  readonly kind: "path";
  readonly segments: readonly RawSegment[];
  readonly at: number;
}

export type RawLiteral =
  | { readonly kind: "literal"; readonly value: Scalar; readonly at: number }
  | { readonly kind: "undefined"; readonly at: number };

export type RawExpression =
  | RawPath
  | RawLiteral
  | { readonly kind: "array"; readonly values: readonly RawLiteral[] }
  | { readonly kind: "and" | "or"; readonly operands: readonly RawExpression[] }
  | { readonly kind: "not" | "negate"; readonly operand: RawExpression }
  | {
      readonly kind: "compare";
      readonly operator: Comparison;
      readonly left: RawExpression;
      readonly right: RawExpression;
    }
  | { readonly kind: "in"; readonly operand: RawExpression; readonly values: readonly RawLiteral[] }
  | {
      readonly kind: "like";
      readonly operand: RawExpression;
      readonly pattern: string;
      readonly at: number;
    }
  | {
      readonly kind: "arithmetic";
      readonly operator: Arithmetic;
      readonly left: RawExpression;
      readonly right: RawExpression;
    }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly arguments: readonly RawExpression[];
      readonly at: number;
    };

export interface RawAggregate {
  readonly kind: "aggregate";
  readonly name: string;
  readonly path: RawPath | null;
  readonly at: number;
}

export interface RawColumn {
  readonly value: RawPath | RawAggregate;
  readonly alias: string | null;
  readonly at: number;
}

export interface RawOrder {
  readonly path: RawPath;
  readonly descending: boolean;
}

export interface RawSource {
  readonly name: string;
  readonly at: number;
}

/** Clauses that stand at most once, with the place where they begin. */
export interface RawClause<T> {
  readonly items: readonly T[];
  readonly at: number;
}

export interface RawQuery {
  readonly explain: { readonly at: number } | null;
  readonly top: { readonly text: string; readonly at: number } | null;
  readonly columns: RawClause<RawColumn> | null;
  readonly source: RawSource;
  readonly where: RawExpression | null;
  readonly groupBy: RawClause<RawPath> | null;
  readonly orderBy: RawClause<RawOrder> | null;
}

export interface RawTarget {
  readonly source: RawSource | null;
  readonly where: RawExpression | null;
}
