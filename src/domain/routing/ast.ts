/** A half-open piece of a condition's text, in UTF-16 units from 0. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type BinaryOperator =
  | "??"
  | "or"
  | "and"
  | "="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "||"
  | "*"
  | "/"
  | "%";

export type UnaryOperator = "not" | "-";

/** A condition as it was read; its span is that of the operator or name that an error would point at. */
export type Expression =
  | (Span & {
      readonly kind: "literal";
      readonly value: undefined | null | boolean | number | string;
    })
  | (Span & { readonly kind: "property"; readonly name: string })
  | (Span & {
      readonly kind: "system";
      /** With its `$`. */
      readonly name: string;
      /** Written in braces: an application property of the same name does not count. */
      readonly escaped: boolean;
    })
  | (Span & {
      readonly kind: "unary";
      readonly operator: UnaryOperator;
      readonly operand: Expression;
    })
  | (Span & {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    })
  | (Span & {
      readonly kind: "call";
      readonly name: string;
      readonly items: readonly Expression[];
    });
