import { Compiler } from "./compile.ts";
import { maxErrors } from "./limits.ts";
import type { MessageView } from "./message-view.ts";
import { parseCondition } from "./parse.ts";
import { type RouteError, routeError } from "./route-error.ts";
import type { RouteSource } from "./route.ts";
import { type Truth, truthOf } from "./values.ts";

/** A condition that can be asked; only `true` matches. */
export interface Condition {
  readonly evaluate: (view: MessageView) => Truth;
  /** It reads the twin of the message's sender. */
  readonly needsTwin: boolean;
}

export type Compilation =
  | { readonly kind: "compiled"; readonly condition: Condition }
  /** At least one error. */
  | { readonly kind: "invalid"; readonly errors: readonly RouteError[] };

const always: Condition = { evaluate: () => true, needsTwin: false };

/**
 * Compiles a route's condition for a source; an empty one matches everything (spec/semantics §11.1, §11.2). Types are
 * checked here: numbers and strings don't mix, application properties are strings, bodies and twins are dynamic.
 */
export function compileCondition(text: string, source: RouteSource): Compilation {
  const parsed = parseCondition(text);
  if (parsed.kind === "malformed") return { kind: "invalid", errors: [parsed.error] };
  if (parsed.expression === null) return { kind: "compiled", condition: always };
  const compiler = new Compiler(source === "TwinChangeEvents");
  const { run } = compiler.compile(parsed.expression);
  if (compiler.errors.length > 0) {
    const errors = compiler.errors
      .slice(0, maxErrors)
      .map(({ span, message }) => routeError(text, span, message));
    return { kind: "invalid", errors };
  }
  const { needsTwin } = compiler;
  return { kind: "compiled", condition: { evaluate: (view) => truthOf(run(view)), needsTwin } };
}
