import type { Column, Dialect, Expression, PathExpression, Query, Source, Target } from "./ast.ts";
import { maxSortedRows } from "./limits.ts";
import { findSource } from "./names.ts";
import { samePath } from "./path.ts";
import type { RawExpression, RawQuery, RawSource, RawTarget } from "./raw.ts";
import { resolveColumns, resolveGroupBy, resolveOrderBy } from "./resolve-clauses.ts";
import { Resolver } from "./resolver.ts";
import { quote, SyntaxProblem } from "./syntax-problem.ts";

/** Checks a parsed query and gives its names their meaning. Throws SyntaxProblem. */
export function resolveQuery(raw: RawQuery, text: string, dialect: Dialect): Query {
  const source = sourceOf(raw.source);
  const resolver = new Resolver(source, dialect);
  if (raw.explain !== null) resolver.refuseIfStrict("EXPLAIN", raw.explain.at);
  const columns = raw.columns === null ? null : resolveColumns(raw.columns, resolver);
  const where = raw.where === null ? null : resolver.expression(raw.where);
  const groupBy = resolveGroupBy(raw.groupBy, resolver);
  checkGrouping(raw, columns, groupBy);
  const orderBy = resolveOrderBy(raw.orderBy, columns, groupBy, resolver);
  const top = topOf(raw.top);
  if (orderBy.length > 0 && top !== null && top > maxSortedRows) {
    throw new SyntaxProblem(raw.top?.at ?? 0, `TOP beside ORDER BY is at most ${maxSortedRows}`);
  }
  const { usesDevice } = resolver;
  const explain = raw.explain !== null;
  return { text, explain, source, columns, top, where, groupBy, orderBy, usesDevice };
}

/** Checks a condition over one collection. Throws SyntaxProblem. */
export function resolveCondition(raw: RawExpression, source: Source, dialect: Dialect): Expression {
  return new Resolver(source, dialect).expression(raw);
}

/** Checks a configuration's target. Throws SyntaxProblem. */
export function resolveTarget(raw: RawTarget, dialect: Dialect): Target {
  const source = raw.source === null ? "devices" : sourceOf(raw.source);
  if (source === "devices.jobs") {
    throw new SyntaxProblem(raw.source?.at ?? 0, "a target is devices or devices.modules");
  }
  const resolver = new Resolver(source, dialect);
  const where = raw.where === null ? null : resolver.expression(raw.where);
  return { kind: "twins", source, where, usesDevice: resolver.usesDevice };
}

function sourceOf(raw: RawSource): Source {
  const source = findSource(raw.name);
  if (source !== undefined) return source;
  throw new SyntaxProblem(
    raw.at,
    `expected devices, devices.modules or devices.jobs but found ${quote(raw.name)}`,
  );
}

function topOf(raw: RawQuery["top"]): number | null {
  if (raw === null) return null;
  const top = Number(raw.text);
  if (Number.isSafeInteger(top)) return top;
  throw new SyntaxProblem(raw.at, `TOP is at most ${Number.MAX_SAFE_INTEGER}`);
}

/** Projections of a grouped query are grouped paths or aggregates (spec/semantics §6.4). */
function checkGrouping(
  raw: RawQuery,
  columns: readonly Column[] | null,
  groupBy: readonly PathExpression[],
): void {
  const grouped = groupBy.length > 0;
  if (columns === null) {
    if (!grouped) return;
    throw new SyntaxProblem(raw.groupBy?.at ?? 0, "GROUP BY needs columns, not SELECT *");
  }
  if (!grouped && !columns.some(({ value }) => value.kind === "aggregate")) return;
  columns.forEach(({ name, value }, index) => {
    if (value.kind === "aggregate" || groupBy.some((path) => samePath(path, value))) return;
    throw new SyntaxProblem(
      raw.columns?.items[index]?.at ?? 0,
      `column ${quote(name)} must be an aggregate or stand in GROUP BY`,
    );
  });
}
