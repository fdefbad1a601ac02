import { type HubError, argumentInvalid } from "../errors.ts";
import { type JsonObject, emptyObject } from "../json.ts";
import type { AggregateExpression, Column, PathExpression, Query } from "./ast.ts";
import { compilePath, type Evaluate } from "./evaluate.ts";
import { maxGroupCharacters, maxGroups } from "./limits.ts";
import { isPrimitive } from "./functions.ts";
import { samePath } from "./path.ts";
import { orderValues, type Value } from "./values.ts";

/** True if the query answers with groups or aggregates instead of rows. */
export function isAggregated(query: Query): boolean {
  return (
    query.groupBy.length > 0 ||
    query.columns?.some(({ value }) => value.kind === "aggregate") === true
  );
}

/** What a query counts by, if counting is all that it does: such groups may be formed where the rows are. */
export function countedPaths(query: Query): readonly PathExpression[] | null {
  if (!isAggregated(query)) return null;
  const onlyCounts = query.columns?.every(
    ({ value }) => value.kind === "path" || value.function === "count",
  );
  return onlyCounts === true ? query.groupBy : null;
}

/**
 * Forms the groups of an aggregated query, row by row; without GROUP BY there is one group, even of no rows
 * (spec/semantics §6.4). Holds at most `maxGroups` groups: more are refused with ArgumentInvalid.
 */
export class Aggregator {
  readonly #columns: readonly CompiledColumn[];
  readonly #keys: readonly Evaluate[];
  readonly #groups = new Map<string, Group>();
  #characters = 0;

  constructor(query: Query) {
    this.#keys = query.groupBy.map(compilePath);
    this.#columns = (query.columns ?? []).map((column) => compileColumn(column, query));
    if (this.#keys.length === 0) this.#newGroup("[]", []);
  }

  /** Adds a row that has passed the condition. */
  add(row: JsonObject, device?: JsonObject): void {
    const group = this.#groupOf(this.#keys.map((key) => key(row, device)));
    for (const total of group.totals) total?.add(row, device);
  }

  /** Adds rows that were counted elsewhere; for queries that do nothing but count (`countedPaths`). */
  addCounted({ keys, count }: { readonly keys: readonly Value[]; readonly count: number }): void {
    for (const total of this.#groupOf(keys).totals)
      if (total instanceof Count) total.addMany(count);
  }

  #groupOf(keys: readonly Value[]): Group {
    // What is missing prints as nothing, which no value does.
    const text = keys.length === 0 ? "[]" : keys.map((key) => JSON.stringify(key)).join();
    return this.#groups.get(text) ?? this.#newGroup(text, keys);
  }

  /** The answer so far, groups in the order in which they came up. What a group lacks is left out of its row. */
  rows(): readonly JsonObject[] {
    return [...this.#groups.values()].map(({ keys, totals }) => {
      const row = emptyObject();
      this.#columns.forEach(({ name, key }, index) => {
        const value = key === undefined ? totals[index]?.result() : keys[key];
        if (value !== undefined) row[name] = value;
      });
      return row;
    });
  }

  #newGroup(text: string, keys: readonly Value[]): Group {
    this.#characters += text.length;
    if (this.#groups.size === maxGroups || this.#characters > maxGroupCharacters) {
      throw tooManyGroups();
    }
    const group = { keys, totals: this.#columns.map(({ newTotal }) => newTotal?.()) };
    this.#groups.set(text, group);
    return group;
  }
}

/** The refusal of a query that forms more groups than are kept. */
export function tooManyGroups(): HubError {
  return argumentInvalid(
    `GROUP BY may form at most ${maxGroups} groups with keys of ${maxGroupCharacters} characters in total`,
  );
}

interface Group {
  readonly keys: readonly Value[];
  readonly totals: readonly (Total | undefined)[];
}

interface CompiledColumn {
  readonly name: string;
  /** The place of a grouped path in GROUP BY. */
  readonly key?: number;
  readonly newTotal?: () => Total;
}

function compileColumn({ name, value }: Column, { groupBy }: Query): CompiledColumn {
  if (value.kind === "aggregate") return { name, newTotal: totalOf(value) };
  return { name, key: groupBy.findIndex((path) => samePath(path, value)) };
}

/** One aggregate of one group. */
interface Total {
  add(row: JsonObject, device: JsonObject | undefined): void;
  result(): Value;
}

function totalOf(aggregate: AggregateExpression): () => Total {
  const { path } = aggregate;
  if (path === null) return () => new Count();
  const read = compilePath(path);
  switch (aggregate.function) {
    case "count":
      return () => new Count();
    case "sum":
      return () => new Sum(read, (sum) => sum);
    case "avg":
      return () => new Sum(read, (sum, count) => sum / count);
    case "min":
      return () => new Extreme(read, -1);
    case "max":
      return () => new Extreme(read, 1);
  }
}

class Count implements Total {
  #count = 0;

  add(): void {
    this.#count += 1;
  }

  addMany(count: number): void {
    this.#count += count;
  }

  result(): number {
    return this.#count;
  }
}

/** SUM and AVG: what is missing is ignored, anything else that is no number makes the result undefined. */
class Sum implements Total {
  readonly #read: Evaluate;
  readonly #finish: (sum: number, count: number) => number;
  #sum = 0;
  #count = 0;

  constructor(read: Evaluate, finish: (sum: number, count: number) => number) {
    this.#read = read;
    this.#finish = finish;
  }

  add(row: JsonObject, device: JsonObject | undefined): void {
    const value = this.#read(row, device);
    if (value === undefined) return;
    this.#sum += typeof value === "number" ? value : Number.NaN;
    this.#count += 1;
  }

  result(): Value {
    if (this.#count === 0) return undefined;
    const result = this.#finish(this.#sum, this.#count);
    return Number.isFinite(result) ? result : undefined;
  }
}

/** MIN and MAX over primitives, in the order of `orderValues`; an object or array makes the result undefined. */
class Extreme implements Total {
  readonly #read: Evaluate;
  readonly #side: -1 | 1;
  #extreme: Value;
  #comparable = true;

  constructor(read: Evaluate, side: -1 | 1) {
    this.#read = read;
    this.#side = side;
  }

  add(row: JsonObject, device: JsonObject | undefined): void {
    const value = this.#read(row, device);
    if (value === undefined) return;
    if (!isPrimitive(value)) this.#comparable = false;
    else if (this.#extreme === undefined || orderValues(value, this.#extreme) === this.#side) {
      this.#extreme = value;
    }
  }

  result(): Value {
    return this.#comparable ? this.#extreme : undefined;
  }
}
