import { type ErrorName, HubError } from "../errors.ts";
import type { Dialect, Expression, Query, Source, Target } from "./ast.ts";
import { maxNesting, maxQueryLength } from "./limits.ts";
import { parse, SyntaxError as GeneratedSyntaxError } from "./parser.generated.ts";
import type { RawExpression, RawQuery, RawTarget } from "./raw.ts";
import { resolveCondition, resolveQuery, resolveTarget } from "./resolve.ts";
import { quote, refusalAt, SyntaxProblem } from "./syntax-problem.ts";

export interface ParseOptions {
  /** Default: `extended`. */
  readonly dialect?: Dialect | undefined;
}

/**
 * Reads a whole query (spec/semantics §6.1). Throws ArgumentNull for an empty text, and ArgumentInvalid with line,
 * column and what was expected for one that is longer than 8192 UTF-16 units, malformed or not allowed.
 */
export function parseQuery(text: string, options: ParseOptions = {}): Query {
  return reading("ArgumentInvalid", text, () => {
    const raw = generated(text, "Query") as RawQuery;
    return resolveQuery(raw, text, options.dialect ?? "extended");
  });
}

/**
 * Reads what stands after WHERE, for example a job's `queryCondition`; `*` is true for every row (spec/semantics §12).
 * Throws as `parseQuery` does.
 */
export function parseCondition(
  text: string,
  options: ParseOptions & { readonly source?: Source | undefined } = {},
): Expression {
  return reading("ArgumentInvalid", text, () => {
    const { where } = generated(text, "Condition") as { readonly where: RawExpression | null };
    if (where === null) return { kind: "literal", value: true };
    return resolveCondition(where, options.source ?? "devices", options.dialect ?? "extended");
  });
}

/**
 * Reads a configuration's `targetCondition`: `''` for nobody, `*` for all devices, a condition over devices, or
 * `from devices.modules where …` (spec/semantics §13.1). Throws InvalidConfigurationTargetCondition.
 */
export function parseTarget(text: string, options: ParseOptions = {}): Target {
  if (text.trim() === "") return { kind: "none" };
  return reading("InvalidConfigurationTargetCondition", text, () =>
    resolveTarget(generated(text, "Target") as RawTarget, options.dialect ?? "extended"),
  );
}

function reading<T>(name: ErrorName, text: string, read: () => T): T {
  if (text.trim() === "") throw new HubError("ArgumentNull", "The query is empty");
  if (text.length > maxQueryLength) {
    throw new HubError(
      name,
      `The query has ${text.length} characters, the most allowed is ${maxQueryLength}`,
    );
  }
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxProblem) throw refusalAt(name, text, error.at, error.message);
    throw error;
  }
}

/** The generated parser, which knows no types; throws SyntaxProblem. */
function generated(text: string, startRule: "Query" | "Condition" | "Target"): unknown {
  try {
    return parse(text, { startRule, maxNesting });
  } catch (error) {
    if (!(error instanceof GeneratedSyntaxError)) throw error;
    throw problemOf(error as unknown as PeggyError, text);
  }
}

/** The part of the generated parser's error that is used. */
interface PeggyError {
  readonly message: string;
  readonly location: { readonly start: { readonly offset: number } };
  /** `null` if the grammar itself raised the error. */
  readonly expected: readonly PeggyExpectation[] | null;
}

interface PeggyExpectation {
  readonly type: "literal" | "class" | "any" | "end" | "other" | "not";
  readonly text?: string;
  readonly description?: string;
}

function problemOf(error: PeggyError, text: string): SyntaxProblem {
  const at = error.location.start.offset;
  if (error.expected === null) return new SyntaxProblem(at, error.message);
  const expected = [...new Set(error.expected.flatMap(expectationText))].sort();
  return new SyntaxProblem(at, `expected ${listText(expected)} but found ${foundText(text, at)}`);
}

function expectationText(expectation: PeggyExpectation): readonly string[] {
  switch (expectation.type) {
    case "literal":
      return [literalText(expectation.text ?? "")];
    case "end":
      return ["the end"];
    case "other":
      return expectation.description === "white space" ? [] : [`${expectation.description}`];
    case "class":
    case "any":
    case "not":
      // Parts of names, numbers and strings: what could go on is not what is missing.
      return [];
  }
}

function literalText(text: string): string {
  if (text === "'") return "a single quote";
  if (text === '"') return "a double quote";
  return /^\w+$/.test(text) ? text : `'${text}'`;
}

function listText(items: readonly string[]): string {
  if (items.length === 0) return "something else";
  if (items.length === 1) return items.join("");
  return `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}

function foundText(text: string, at: number): string {
  const rest = text.slice(at);
  if (rest === "") return "the end";
  if (rest.startsWith(";")) return "a semicolon";
  const word = /^[\p{L}\p{Nd}_$]+/u.exec(rest)?.[0];
  return quote(word ?? String.fromCodePoint(rest.codePointAt(0) ?? 0));
}
