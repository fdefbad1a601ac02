import type { Expression, Span } from "./ast.ts";
import { isDateText } from "./body.ts";
import { type ConditionFunction, type ParameterType, functions } from "./functions.ts";
import type { MessageView } from "./message-view.ts";
import { type Run, type Type, binaryRun, isLogical, resultType } from "./operators.ts";
import { parsePath, valueAt } from "./path.ts";
import { quoted } from "./route-error.ts";
import { type Value, date, missing, not } from "./values.ts";

interface Typed {
  readonly type: Type;
  readonly run: Run;
}

type Node<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

/** Turns an expression into a function, and tells what is wrong with its types (spec/semantics §11.2). */
export class Compiler {
  readonly errors: { readonly span: Span; readonly message: string }[] = [];
  /** The condition reads the sender's twin. */
  needsTwin = false;
  readonly #twinChanges: boolean;

  /** `twinChanges`: the route's source is TwinChangeEvents, so that `twin_change_includes` exists. */
  constructor(twinChanges: boolean) {
    this.#twinChanges = twinChanges;
  }

  compile(expression: Expression): Typed {
    switch (expression.kind) {
      case "literal":
        return literal(expression.value);
      case "property":
        return property(expression.name);
      case "system":
        return this.#system(expression);
      case "unary":
        return this.#unary(expression);
      case "binary":
        return this.#binary(expression);
      case "call":
        return this.#call(expression);
    }
  }

  #fail(span: Span, message: string): Typed {
    this.errors.push({ span: { start: span.start, end: span.end }, message });
    return { type: "error", run: () => undefined };
  }

  /** A `$name`: body, twin or system property, unless an application property has that name (spec/semantics §11.2). */
  #system(node: Node<"system">): Typed {
    const found = this.#beyondApplication(node);
    if (node.escaped || found.type === "error") return found;
    const own = property(node.name).run;
    const { run } = found;
    return {
      type: found.type,
      run: (view) => {
        const value = own(view);
        return value === undefined ? run(view) : value;
      },
    };
  }

  #beyondApplication(node: Node<"system">): Typed {
    const { name } = node;
    const head = /^\$(?:body|twin)(?=$|[.[])/i.exec(name)?.[0].toLowerCase();
    if (head === undefined) {
      const folded = name.slice(1).toLowerCase();
      return { type: "string", run: (view) => view.system(folded) };
    }
    const rest = name.slice(head.length);
    // The body as a whole, or an element of it, can't be asked for.
    if (head === "$body" && !rest.startsWith(".")) return { type: "dynamic", run: () => undefined };
    const steps = parsePath(rest.slice(1));
    if (steps === undefined) return this.#fail(node, `${quoted(name)} is not a path`);
    if (head === "$body") {
      return { type: "dynamic", run: (view) => bodyValue(view, steps) };
    }
    if (!/^\.(?:tags|properties\.(?:desired|reported))(?:$|[.[])/i.test(rest)) {
      const message = "$twin reaches tags, properties.desired and properties.reported";
      return this.#fail(node, message);
    }
    this.needsTwin = true;
    return {
      type: "dynamic",
      run: (view) => {
        const document = view.twinDocument();
        return document === undefined ? undefined : valueAt(document, steps, true);
      },
    };
  }

  #unary(node: Node<"unary">): Typed {
    const operand = this.compile(node.operand);
    const { type, run } = operand;
    if (type === "error") return operand;
    if (node.operator === "not") {
      if (!isLogical(type)) return this.#fail(node, `NOT takes a boolean, not a ${type}`);
      return { type: "boolean", run: (view) => not(run(view)) };
    }
    if (type !== "number" && type !== "dynamic" && type !== "undefined")
      return this.#fail(node, `'-' takes a number, not a ${type}`);
    return {
      type: type === "undefined" ? "undefined" : "number",
      run: (view) => {
        const value = run(view);
        return typeof value === "number" ? -value : undefined;
      },
    };
  }

  #binary(node: Node<"binary">): Typed {
    const left = this.compile(node.left);
    const right = this.compile(node.right);
    if (left.type === "error" || right.type === "error")
      return { type: "error", run: () => undefined };
    const result = resultType(node.operator, left.type, right.type);
    if (result === undefined) {
      const operator = node.operator.toUpperCase();
      return this.#fail(
        node,
        `${quoted(operator)} does not take a ${left.type} and a ${right.type}`,
      );
    }
    return { type: result, run: binaryRun(node.operator, left.run, right.run) };
  }

  #call(node: Node<"call">): Typed {
    const name = node.name.toLowerCase();
    if (name === "twin_change_includes" && this.#twinChanges) return this.#twinChange(node);
    const called = functions.get(name);
    if (called === undefined) return this.#fail(node, unknownFunction(node.name));
    const items = node.items.map((item) => this.compile(item));
    if (items.some(({ type }) => type === "error")) return { type: "error", run: () => undefined };
    if (!takes(called, items))
      return this.#fail(
        node,
        `${node.name.toUpperCase()} takes (${signature(called)}), not (${items.map(({ type }) => type).join(", ")})`,
      );
    const runs = items.map(({ run }) => run);
    return { type: called.result, run: (view) => called.run(runs.map((run) => run(view))) };
  }

  /** True if the change names the path with a value, false if it is not there or was removed. */
  #twinChange(node: Node<"call">): Typed {
    const [path] = node.items;
    const isPath =
      node.items.length === 1 &&
      path?.kind === "property" &&
      /^(?:tags|properties\.(?:desired|reported))(?:\.[^.]+)*$/.test(path.name);
    const steps = isPath ? parsePath(path.name) : undefined;
    if (steps === undefined) {
      const message =
        "TWIN_CHANGE_INCLUDES takes one path below tags, properties.desired or properties.reported";
      return this.#fail(node, message);
    }
    return {
      type: "boolean",
      run: (view) => {
        const body = view.body();
        if (body === undefined) return undefined;
        const value = valueAt(body, steps);
        return value !== missing && value !== null;
      },
    };
  }
}

function literal(value: Node<"literal">["value"]): Typed {
  const run = (): Value => value;
  if (value === null) return { type: "null", run };
  switch (typeof value) {
    case "boolean":
      return { type: "boolean", run };
    case "number":
      return { type: "number", run };
    case "string":
      return { type: "string", run };
    default:
      return { type: "undefined", run };
  }
}

function property(name: string): Typed {
  const folded = name.toLowerCase();
  return { type: "string", run: (view) => view.application(folded) };
}

function bodyValue(view: MessageView, steps: Parameters<typeof valueAt>[1]): Value {
  const body = view.body();
  if (body === undefined) return undefined;
  const value = valueAt(body, steps);
  return typeof value === "string" && isDateText(value) ? date : value;
}

function takes(called: ConditionFunction, items: readonly Typed[]): boolean {
  const { parameters, required = parameters.length, rest } = called;
  if (items.length < required) return false;
  return items.every(({ type }, index) => {
    const parameter = parameters[index] ?? rest;
    return parameter !== undefined && accepts(parameter, type);
  });
}

function accepts(parameter: ParameterType, type: Type): boolean {
  if (parameter === "any" || type === "dynamic") return true;
  if (parameter === "numberOrString") return type === "number" || type === "string";
  return parameter === type;
}

function signature({ parameters, required, rest }: ConditionFunction): string {
  const names = parameters.map((type, index) => {
    const name = type === "numberOrString" ? "number or string" : type;
    return required !== undefined && index >= required ? `${name}?` : name;
  });
  return [...names, ...(rest === undefined ? [] : [`${rest} …`])].join(", ");
}

function unknownFunction(name: string): string {
  if (name.toLowerCase() === "twin_change_includes")
    return "TWIN_CHANGE_INCLUDES works for the source TwinChangeEvents only";
  const bare = name.toLowerCase().replaceAll("_", "");
  const near = [...functions.keys()].find((known) => known.replaceAll("_", "") === bare);
  const hint = near === undefined ? "" : `, but there is ${near.toUpperCase()}`;
  return `there is no function ${quoted(name)}${hint}`;
}
