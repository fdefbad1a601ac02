import type { AggregateFunction, Column, Order, PathExpression } from "./ast.ts";
import { samePath } from "./path.ts";
import type { RawClause, RawColumn, RawOrder, RawPath } from "./raw.ts";
import type { Resolver } from "./resolver.ts";
import { quote, SyntaxProblem } from "./syntax-problem.ts";

/** The columns of SELECT; each name stands once. */
export function resolveColumns(raw: RawClause<RawColumn>, resolver: Resolver): readonly Column[] {
  if (resolver.source === "devices.jobs") {
    throw new SyntaxProblem(raw.at, "devices.jobs allows SELECT * only");
  }
  let aggregates = 0;
  const names = new Set<string>();
  return raw.items.map((item) => {
    resolver.count(item.at);
    if (item.value.kind === "aggregate") aggregates += 1;
    const column = resolveColumn(item, aggregates, resolver);
    if (names.has(column.name)) {
      throw new SyntaxProblem(
        item.at,
        `two columns are named ${quote(column.name)}: rename one with AS`,
      );
    }
    names.add(column.name);
    return column;
  });
}

function resolveColumn(
  { value, alias }: RawColumn,
  aggregates: number,
  resolver: Resolver,
): Column {
  if (value.kind === "path") {
    const { name, path } = resolver.namedPath(value);
    return { name: alias ?? name, value: path };
  }
  return {
    name: alias ?? `$${aggregates}`,
    value: {
      kind: "aggregate",
      function: value.name.toLowerCase() as AggregateFunction,
      path: value.path === null ? null : resolver.namedPath(value.path).path,
    },
  };
}

export function resolveGroupBy(
  raw: RawClause<RawPath> | null,
  resolver: Resolver,
): readonly PathExpression[] {
  if (raw === null) return [];
  if (resolver.source === "devices.jobs") {
    throw new SyntaxProblem(raw.at, "GROUP BY is not for devices.jobs");
  }
  if (resolver.source !== "devices") resolver.refuseIfStrict("GROUP BY of modules", raw.at);
  return raw.items.map((path) => resolver.path(path));
}

/** An answer's column may be named instead of a path; beside groups or aggregates it must be. */
export function resolveOrderBy(
  raw: RawClause<RawOrder> | null,
  columns: readonly Column[] | null,
  groupBy: readonly PathExpression[],
  resolver: Resolver,
): readonly Order[] {
  if (raw === null) return [];
  resolver.refuseIfStrict("ORDER BY", raw.at);
  const ofAnswer =
    groupBy.length > 0 || columns?.some(({ value }) => value.kind === "aggregate") === true;
  return raw.items.map(({ path, descending }) => {
    const column = columnNamed(columns, path);
    if (!ofAnswer) {
      if (column?.value.kind === "path") return { path: column.value, descending };
      return { path: resolver.path(path), descending };
    }
    const resolved = column === undefined ? resolver.path(path) : undefined;
    const name = column?.name ?? columns?.find((other) => isPathColumn(other, resolved))?.name;
    if (name === undefined) {
      throw new SyntaxProblem(path.at, "ORDER BY of a grouped query names one of its columns");
    }
    return { path: { kind: "path", of: "row", segments: [name] }, descending };
  });
}

function columnNamed(columns: readonly Column[] | null, path: RawPath): Column | undefined {
  const [segment] = path.segments;
  if (path.segments.length !== 1 || segment === undefined) return undefined;
  return columns?.find(({ name }) => name === segment.name);
}

function isPathColumn({ value }: Column, path: PathExpression | undefined): boolean {
  return path !== undefined && value.kind === "path" && samePath(value, path);
}
