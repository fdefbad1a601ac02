import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../json.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { newTwin } from "../twin/twin.ts";
import type { BinaryOperator, Expression } from "./ast.ts";
import { compileCondition } from "./condition.ts";
import { MessageView } from "./message-view.ts";
import { parseCondition } from "./parse.ts";
import { routeSources } from "./route.ts";
import { and, compare, not, or } from "./values.ts";

const nowhere = { start: 0, end: 0 };
const operators: readonly (readonly BinaryOperator[])[] = [
  ["??"],
  ["or"],
  ["and"],
  ["=", "!="],
  ["<", "<=", ">", ">="],
  ["+", "-", "||"],
  ["*", "/", "%"],
];

const name = fc.constantFrom("level", "my-name.x", "größe", "a1", "$body.a[0].b", "$twin.tags.x");
const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc
    .oneof(
      fc.constantFrom(undefined, null, true, false),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.string(),
    )
    .map((value): Expression => ({ kind: "literal", value, ...nowhere })),
  fc
    .tuple(name, fc.boolean())
    .map(([text, escaped]): Expression =>
      text.startsWith("$")
        ? { kind: "system", name: text, escaped, ...nowhere }
        : { kind: "property", name: text, ...nowhere },
    ),
);

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "medium" },
    leaf,
    fc
      .tuple(fc.constantFrom("not", "-"), tie("expression"))
      .filter(([operator, { kind, ...operand }]) => {
        // A third sign in a row is taken for one.
        return kind !== "unary" || !("operator" in operand) || operand.operator !== operator;
      })
      .map(([operator, operand]): Expression => ({
        kind: "unary",
        operator: operator === "not" ? "not" : "-",
        operand,
        ...nowhere,
      })),
    fc
      .tuple(fc.constantFrom(...operators.flat()), tie("expression"), tie("expression"))
      .map(([operator, left, right]): Expression => ({
        kind: "binary",
        operator,
        left,
        right,
        ...nowhere,
      })),
    fc
      .tuple(
        fc.constantFrom("ABS", "concat", "is_defined"),
        fc.array(tie("expression"), { maxLength: 3 }),
      )
      .map(([called, items]): Expression => ({ kind: "call", name: called, items, ...nowhere })),
  ),
}));

/** 0 binds least; unary operators and what they take bind most. */
function rank(node: Expression): number {
  if (node.kind === "binary") return operators.findIndex((level) => level.includes(node.operator));
  if (node.kind === "unary") return node.operator === "not" ? 7 : 8;
  return 9;
}

/** A text of the expression, with parentheses only where they are needed. */
function print(node: Expression, least = 0): string {
  const text = printed(node);
  return rank(node) < least ? `(${text})` : text;
}

function printed(node: Expression): string {
  switch (node.kind) {
    case "literal":
      return typeof node.value === "string" ? quote(node.value) : String(node.value);
    case "property":
      return node.name;
    case "system":
      return node.escaped ? `{${node.name}}` : node.name;
    case "unary":
      return `${node.operator} ${print(node.operand, rank(node))}`;
    case "binary": {
      const level = rank(node);
      return `${print(node.left, level)} ${node.operator} ${print(node.right, level + 1)}`;
    }
    case "call":
      return `${node.name}(${node.items.map((item) => print(item)).join(", ")})`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (mark) => `\\${mark}`)}'`;
}

function withoutPlaces(node: Expression): Expression {
  switch (node.kind) {
    case "unary":
      return { ...node, operand: withoutPlaces(node.operand), ...nowhere };
    case "binary":
      return {
        ...node,
        left: withoutPlaces(node.left),
        right: withoutPlaces(node.right),
        ...nowhere,
      };
    case "call":
      return { ...node, items: node.items.map(withoutPlaces), ...nowhere };
    default:
      return { ...node, ...nowhere };
  }
}

const message = (body: unknown): EventMessage => ({
  key: { deviceId: "d" },
  body: Buffer.from(JSON.stringify(body)),
  system: { contentType: "application/json", contentEncoding: "utf-8" },
  application: [["level", "high"]],
  source: "Telemetry",
  enqueuedTime: 0,
  generationId: "",
  authMethod: "",
  modelId: "",
});

describe("the parser of conditions", () => {
  it("reads what was printed as what it was", () => {
    fc.assert(
      fc.property(expression, (node) => {
        const text = print(node);
        fc.pre(text.length <= 8_192);
        const parsed = parseCondition(text);
        if (parsed.kind === "malformed" || parsed.expression === null)
          throw new Error(JSON.stringify(parsed));
        expect(withoutPlaces(parsed.expression)).toEqual(node);
      }),
      { numRuns: 500 },
    );
  });

  it("never throws, and tells places within the text", () => {
    const piece = fc.constantFrom(
      ..."()'\"$.=<>!|?{}[]-+*/%, \n".split(""),
      "and",
      "NOT ",
      "a",
      "1",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(...routeSources), (condition, source) => {
        const compiled = compileCondition(condition, source);
        if (compiled.kind === "compiled") return;
        expect(compiled.errors.length).toBeGreaterThan(0);
        const lines = condition.split("\n");
        for (const { location, message: reason } of compiled.errors) {
          expect(reason).not.toMatch(/^$|;/);
          for (const { line, column } of [location.start, location.end]) {
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a condition that compiles", () => {
  it("gives true, false, null or undefined for any body, and the same each time", () => {
    fc.assert(
      fc.property(expression, fc.jsonValue(), (node, body) => {
        const compiled = compileCondition(print(node), "DeviceMessages");
        if (compiled.kind === "invalid") return;
        const twin = { ...newTwin(0), tags: { x: body as Json } };
        const view = new MessageView(message({ a: [{ b: body }] }), twin);
        const truth = compiled.condition.evaluate(view);
        expect([true, false, null, undefined]).toContain(truth);
        expect(compiled.condition.evaluate(view)).toBe(truth);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the logic of conditions", () => {
  const truth = fc.constantFrom(true, false, null, undefined);
  const scalar = fc.oneof(
    fc.constantFrom(null, true, false, undefined),
    fc.double({ noNaN: true }),
    fc.string(),
  );

  it("is commutative and associative", () => {
    fc.assert(
      fc.property(truth, truth, truth, (a, b, c) => {
        expect(and(a, b)).toBe(and(b, a));
        expect(or(a, b)).toBe(or(b, a));
        expect(and(and(a, b), c)).toBe(and(a, and(b, c)));
        expect(or(or(a, b), c)).toBe(or(a, or(b, c)));
      }),
    );
  });

  it("obeys De Morgan's laws where nothing is null", () => {
    const known = fc.constantFrom(true, false, undefined);
    fc.assert(
      fc.property(known, known, (a, b) => {
        expect(not(and(a, b))).toBe(or(not(a), not(b)));
        expect(not(or(a, b))).toBe(and(not(a), not(b)));
      }),
    );
  });

  it("orders all values in one way, but undefined ones in none", () => {
    fc.assert(
      fc.property(scalar, scalar, scalar, (a, b, c) => {
        const forth = compare(a, b);
        const back = compare(b, a);
        if (a === undefined || b === undefined)
          expect([forth, back]).toEqual([undefined, undefined]);
        else expect(Math.sign(forth ?? 0) + Math.sign(back ?? 0)).toBe(0);
        if ((compare(a, b) ?? 1) <= 0 && (compare(b, c) ?? 1) <= 0)
          expect(compare(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
