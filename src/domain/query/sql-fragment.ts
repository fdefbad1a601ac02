/** A value that is bound to a `?`. */
export type SqlParameter = string | number | null;

/**
 * A piece of a WHERE clause with its parameters, in order. Rows for which the condition holds always pass it; if it
 * is `exact`, no others do.
 */
export interface SqlFragment {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
  readonly exact: boolean;
}

export function fragment(sql: string, ...parameters: readonly SqlParameter[]): SqlFragment {
  return { sql, parameters, exact: true };
}

export const always: SqlFragment = fragment("1");
export const never: SqlFragment = fragment("0");
/** What cannot be said in SQL: every row passes and is looked at again. */
export const unknown: SqlFragment = { ...always, exact: false };

export function inexact(part: SqlFragment): SqlFragment {
  return { ...part, exact: false };
}

export function all(parts: readonly SqlFragment[]): SqlFragment {
  if (parts.some(isNever)) return never;
  return joined(parts, "AND", always);
}

export function any(parts: readonly SqlFragment[]): SqlFragment {
  if (parts.some((part) => part.sql === "1" && part.exact)) return always;
  if (parts.some((part) => part.sql === "1")) return unknown;
  return joined(
    parts.filter((part) => !isNever(part)),
    "OR",
    never,
  );
}

function isNever(part: SqlFragment): boolean {
  return part.sql === "0";
}

function joined(
  parts: readonly SqlFragment[],
  operator: "AND" | "OR",
  none: SqlFragment,
): SqlFragment {
  const said = parts.filter((part) => part.sql !== "1");
  const exact = parts.every((part) => part.exact);
  if (said.length === 0) return { ...none, exact };
  return {
    sql: balanced(
      said.map(({ sql }) => sql),
      operator,
    ),
    parameters: said.flatMap(({ parameters }) => parameters),
    exact,
  };
}

/** Parentheses in halves: SQLite bounds the depth of expressions, and a chain is as deep as it is long. */
function balanced(texts: readonly string[], operator: "AND" | "OR"): string {
  if (texts.length === 1) return texts.join("");
  const middle = Math.ceil(texts.length / 2);
  const left = balanced(texts.slice(0, middle), operator);
  const right = balanced(texts.slice(middle), operator);
  return `(${left} ${operator} ${right})`;
}
