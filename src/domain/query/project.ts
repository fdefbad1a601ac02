import { type JsonObject, emptyObject } from "../json.ts";
import { Aggregator, isAggregated } from "./aggregate.ts";
import type { Query } from "./ast.ts";
import { compileCondition, compilePath } from "./evaluate.ts";
import { Sorter } from "./sort.ts";

/** What the rows of an answer are (spec/semantics §6.3); REST writes `Twin`, `DeviceJob` and `Raw`. */
export type ResultType = "twin" | "deviceJob" | "raw";

export function resultTypeOf({ columns, source }: Query): ResultType {
  if (columns !== null) return "raw";
  return source === "devices.jobs" ? "deviceJob" : "twin";
}

export type Project = (row: JsonObject, device?: JsonObject) => JsonObject;

/**
 * Makes an answer's row of a source's row: the row itself for `SELECT *`, else a new object with the columns that the
 * row has. For queries that are not aggregated.
 */
export function compileProjection({ columns }: Query): Project {
  if (columns === null) return (row) => row;
  const readers = columns.flatMap(({ name, value }) =>
    value.kind === "path" ? [{ name, read: compilePath(value) }] : [],
  );
  return (row, device) => {
    const answer = emptyObject();
    for (const { name, read } of readers) {
      const value = read(row, device);
      if (value !== undefined) answer[name] = value;
    }
    return answer;
  };
}

/** True if every row must be seen before the first one can be answered: with ORDER BY, groups or aggregates. */
export function needsAllRows(query: Query): boolean {
  return query.orderBy.length > 0 || isAggregated(query);
}

/**
 * Answers a query over rows in key order, `TOP` included. Takes rows one by one, and no more than it needs.
 * `deviceOf` finds the row of a module's device; it is called only if `query.usesDevice`.
 * Throws ArgumentInvalid when groups or sorted rows exceed their limits.
 */
export function* runQuery(
  query: Query,
  rows: Iterable<JsonObject>,
  deviceOf: (row: JsonObject) => JsonObject | undefined = () => undefined,
): Generator<JsonObject, void> {
  const passing = passingRows(query, rows, deviceOf);
  const answers = isAggregated(query)
    ? aggregated(query, passing)
    : query.orderBy.length > 0
      ? sorted(query, passing)
      : projected(query, passing);
  yield* limited(answers, query.top);
}

interface Joined {
  readonly row: JsonObject;
  readonly device: JsonObject | undefined;
}

function* passingRows(
  { where, usesDevice }: Query,
  rows: Iterable<JsonObject>,
  deviceOf: (row: JsonObject) => JsonObject | undefined,
): Generator<Joined, void> {
  const passes = where === null ? () => true : compileCondition(where);
  for (const row of rows) {
    const device = usesDevice ? deviceOf(row) : undefined;
    if (passes(row, device)) yield { row, device };
  }
}

function* projected(query: Query, rows: Iterable<Joined>): Generator<JsonObject, void> {
  const project = compileProjection(query);
  for (const { row, device } of rows) yield project(row, device);
}

function sorted(query: Query, rows: Iterable<Joined>): readonly JsonObject[] {
  const project = compileProjection(query);
  const sorter = new Sorter<JsonObject>(query);
  for (const { row, device } of rows) sorter.add(project(row, device), row, device);
  return sorter.items();
}

function aggregated(query: Query, rows: Iterable<Joined>): readonly JsonObject[] {
  const aggregator = new Aggregator(query);
  for (const { row, device } of rows) aggregator.add(row, device);
  if (query.orderBy.length === 0) return aggregator.rows();
  const sorter = new Sorter<JsonObject>(query);
  for (const row of aggregator.rows()) sorter.add(row, row);
  return sorter.items();
}

function* limited(rows: Iterable<JsonObject>, top: number | null): Generator<JsonObject, void> {
  let left = top ?? Number.POSITIVE_INFINITY;
  if (left === 0) return;
  for (const row of rows) {
    yield row;
    left -= 1;
    if (left === 0) return;
  }
}
