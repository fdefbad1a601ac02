import type { Expression } from "./ast.ts";
import { maxConditionLength, maxNesting, maxOperators } from "./limits.ts";
import { parse, SyntaxError as GeneratedSyntaxError } from "./parser.generated.ts";
import { type RouteError, quoted, routeError } from "./route-error.ts";

export type Parsed =
  /** `null` for a condition of white space and comments only. */
  | { readonly kind: "parsed"; readonly expression: Expression | null }
  | { readonly kind: "malformed"; readonly error: RouteError };

/** Reads a route's condition (spec/semantics §11.2). */
export function parseCondition(text: string): Parsed {
  if (text.length > maxConditionLength) {
    const message = `the condition has ${text.length} characters, the most allowed is ${maxConditionLength}`;
    return malformed(text, maxConditionLength, text.length, message);
  }
  try {
    return {
      kind: "parsed",
      expression: parse(text, { maxNesting, maxOperators }) as Expression | null,
    };
  } catch (error) {
    if (!(error instanceof GeneratedSyntaxError)) throw error;
    const { expected, message, location } = error as unknown as PeggyError;
    const at = location.start.offset;
    const end = Math.max(location.end.offset, Math.min(at + 1, text.length));
    return malformed(text, at, end, expected === null ? message : explanation(text, at, expected));
  }
}

function malformed(text: string, start: number, end: number, message: string): Parsed {
  return { kind: "malformed", error: routeError(text, { start, end }, message) };
}

/** The part of the generated parser's error that is used. */
interface PeggyError {
  readonly message: string;
  readonly location: {
    readonly start: { readonly offset: number };
    readonly end: { readonly offset: number };
  };
  /** `null` if the grammar itself raised the error. */
  readonly expected:
    | readonly {
        readonly type: "literal" | "class" | "any" | "end" | "other" | "not";
        readonly text?: string;
        readonly description?: string;
      }[]
    | null;
}

function explanation(
  text: string,
  at: number,
  expected: NonNullable<PeggyError["expected"]>,
): string {
  if (isUnterminatedString(text, at)) return "the string has no closing quotation mark";
  const names = expected.flatMap(({ type, text: literal, description }) => {
    if (type === "other" && description !== "white space") return [`${description}`];
    if (type === "literal" && literal === ")") return ["')'"];
    return type === "end" ? ["the end"] : [];
  });
  const list = [...new Set(names)].sort();
  const last = list.pop();
  const wanted =
    last === undefined ? "something else" : [list.join(", "), last].filter(Boolean).join(" or ");
  return `expected ${wanted} but found ${found(text, at)}`;
}

function isUnterminatedString(text: string, at: number): boolean {
  const mark = text[at];
  return (mark === "'" || mark === '"') && !text.slice(at + 1).includes(mark);
}

function found(text: string, at: number): string {
  const rest = text.slice(at);
  return rest === "" ? "the end" : quoted(/^[\p{L}\p{Nd}_$]+|^./su.exec(rest)?.[0] ?? rest);
}
