import type { Dialect, Expression, PathExpression, Scalar, Source } from "./ast.ts";
import { findFunction, functions } from "./functions.ts";
import { maxTerms } from "./limits.ts";
import { findRoot, isReserved } from "./names.ts";
import type { RawExpression, RawLiteral, RawPath, RawSegment } from "./raw.ts";
import { quote, SyntaxProblem } from "./syntax-problem.ts";

/** A path, and the key of a column that shows it: the root's name or the last segment (spec/semantics §6.3). */
export interface NamedPath {
  readonly name: string;
  readonly path: PathExpression;
}

/** Gives the names of one query their meaning, and counts its terms. Its methods throw SyntaxProblem. */
export class Resolver {
  readonly source: Source;
  readonly #dialect: Dialect;
  #terms = 0;
  usesDevice = false;

  constructor(source: Source, dialect: Dialect) {
    this.source = source;
    this.#dialect = dialect;
  }

  refuseIfStrict(what: string, at: number): void {
    if (this.#dialect === "extended") return;
    throw new SyntaxProblem(at, `${what} is not part of IoT Hub's query language`);
  }

  /** Recursion is as deep as parentheses and arithmetic are, both bounded. */
  expression(raw: RawExpression): Expression {
    switch (raw.kind) {
      case "path":
        return this.path(raw);
      case "literal":
      case "undefined":
        return this.#literal(raw);
      case "array":
        return { kind: "array", values: scalarsOf(raw.values) };
      case "and":
      case "or":
        return {
          kind: raw.kind,
          operands: raw.operands.map((operand) => this.expression(operand)),
        };
      case "not":
        return { kind: "not", operand: this.expression(raw.operand) };
      case "negate":
        return negated(this.expression(raw.operand));
      case "compare":
        return this.#comparison(raw);
      case "in":
        return this.#membership(raw);
      case "like":
        this.refuseIfStrict("LIKE", raw.at);
        return { kind: "like", operand: this.expression(raw.operand), pattern: raw.pattern };
      case "arithmetic":
        return {
          kind: "arithmetic",
          operator: raw.operator,
          left: this.expression(raw.left),
          right: this.expression(raw.right),
        };
      case "call":
        return this.#call(raw);
    }
  }

  #literal(raw: RawLiteral): Expression {
    this.count(raw.at);
    checkNumber(raw);
    return raw.kind === "undefined" ? { kind: "undefined" } : { kind: "literal", value: raw.value };
  }

  #comparison(raw: RawExpression & { readonly kind: "compare" }): Expression {
    const left = this.expression(raw.left);
    const right = this.expression(raw.right);
    return {
      kind: "compare",
      operator: raw.operator,
      left: this.#isJobType(right) ? currentJobType(left) : left,
      right: this.#isJobType(left) ? currentJobType(right) : right,
    };
  }

  #membership(raw: RawExpression & { readonly kind: "in" }): Expression {
    const operand = this.expression(raw.operand);
    const values = scalarsOf(raw.values);
    return {
      kind: "in",
      operand,
      values: this.#isJobType(operand) ? values.map(currentJobTypeName) : values,
    };
  }

  #isJobType(expression: Expression): boolean {
    return (
      this.source === "devices.jobs" &&
      expression.kind === "path" &&
      expression.segments.length === 1 &&
      expression.segments[0] === "jobType"
    );
  }

  #call(raw: RawExpression & { readonly kind: "call" }): Expression {
    this.count(raw.at);
    const name = findFunction(raw.name);
    if (name === undefined) throw new SyntaxProblem(raw.at, unknownFunction(raw.name));
    const { least, most, extension } = functions[name];
    if (extension) this.refuseIfStrict(name, raw.at);
    const count = raw.arguments.length;
    if (count < least || count > most) {
      const wanted = least === most ? `${least}` : `${least} to ${most}`;
      throw new SyntaxProblem(raw.at, `${name} takes ${wanted} arguments, not ${count}`);
    }
    if (name === "IS_DEFINED" && raw.arguments[0]?.kind !== "path") {
      throw new SyntaxProblem(raw.at, "IS_DEFINED takes the path of a property");
    }
    return {
      kind: "call",
      function: name,
      arguments: raw.arguments.map((argument) => this.expression(argument)),
    };
  }

  /** Counts as a term. */
  path(raw: RawPath): PathExpression {
    this.count(raw.at);
    return this.namedPath(raw).path;
  }

  namedPath(raw: RawPath): NamedPath {
    const segments = withoutCollection(raw, this.source);
    if (this.#dialect === "strict") refuseReserved(segments, raw.at);
    const joined =
      this.#dialect === "extended" && this.source === "devices.modules" && isJoin(segments);
    if (!joined) return this.#resolved(segments, "row", raw.at);
    this.usesDevice = true;
    if (segments.length === 1) {
      return { name: "device", path: { kind: "path", of: "device", segments: [] } };
    }
    return this.#resolved(segments.slice(1), "device", raw.at);
  }

  #resolved(segments: readonly RawSegment[], of: "row" | "device", at: number): NamedPath {
    const names = segments.map(({ name }) => name);
    const [first = "", ...rest] = names;
    const root = findRoot(of === "device" ? "devices" : this.source, first);
    if (root === undefined && this.source === "devices.jobs" && findRoot("devices", first)) {
      throw new SyntaxProblem(
        at,
        `devices.jobs has no ${quote(first)}: conditions on twins need devices`,
      );
    }
    return {
      name: rest.at(-1) ?? root?.name ?? first,
      path: { kind: "path", of, segments: [root?.member ?? first, ...rest] },
    };
  }

  count(at: number): void {
    this.#terms += 1;
    if (this.#terms <= maxTerms) return;
    throw new SyntaxProblem(at, `a query has at most ${maxTerms} paths, literals and calls`);
  }
}

/** `devices.` and the source's own name may stand before a path (spec/semantics §6.1). */
function withoutCollection({ segments, at }: RawPath, source: Source): readonly RawSegment[] {
  if (!isWord(segments[0], "devices")) return segments;
  const second = source === "devices" ? undefined : source.slice("devices.".length);
  const stripped =
    second !== undefined && isWord(segments[1], second) && segments.length > 2 ? 2 : 1;
  if (segments.length > stripped) return segments.slice(stripped);
  throw new SyntaxProblem(at, "a collection's name needs a field after it");
}

function isWord(segment: RawSegment | undefined, word: string): boolean {
  return segment !== undefined && !segment.quoted && segment.name.toLowerCase() === word;
}

function isJoin(segments: readonly RawSegment[]): boolean {
  return isWord(segments[0], "device");
}

function refuseReserved(segments: readonly RawSegment[], at: number): void {
  for (const { name, quoted } of segments) {
    if (quoted || !isReserved(name)) continue;
    throw new SyntaxProblem(at, `${quote(name)} is a reserved word: write [[${name}]]`);
  }
}

function unknownFunction(name: string): string {
  switch (name.toUpperCase()) {
    case "STARTS_WITH":
    case "ENDS_WITH":
      return `${quote(name)} belongs to routing conditions: write ${name.replace("_", "").toUpperCase()}`;
    case "COUNT":
    case "AVG":
    case "SUM":
    case "MIN":
    case "MAX":
      return `${quote(name)} is an aggregate and stands among the columns only`;
    default:
      return `unknown function ${quote(name)}`;
  }
}

/** What a list holds; `undefined` equals nothing and is left out. */
function scalarsOf(literals: readonly RawLiteral[]): readonly Scalar[] {
  return literals.flatMap((literal) => {
    checkNumber(literal);
    return literal.kind === "undefined" ? [] : [literal.value];
  });
}

function checkNumber(raw: RawLiteral): void {
  if (raw.kind === "undefined" || typeof raw.value !== "number") return;
  if (!Number.isFinite(raw.value)) throw new SyntaxProblem(raw.at, "the number is too large");
}

function negated(operand: Expression): Expression {
  if (operand.kind === "literal" && typeof operand.value === "number") {
    return { kind: "literal", value: -operand.value };
  }
  return { kind: "negate", operand };
}

/** Rows know a job's type by its new name; conditions may use the old one (spec/semantics §12). */
function currentJobType(expression: Expression): Expression {
  return expression.kind === "literal"
    ? { kind: "literal", value: currentJobTypeName(expression.value) }
    : expression;
}

function currentJobTypeName(value: Scalar): Scalar {
  return value === "scheduleTwinUpdate" ? "scheduleUpdateTwin" : value;
}
