import { type JsonObject, emptyObject } from "../json.ts";
import { isAggregated } from "./aggregate.ts";
import type { Query } from "./ast.ts";
import { indexPathText } from "./index-path.ts";
import { needsAllRows, resultTypeOf } from "./project.ts";
import type { SqlFragment } from "./sql-fragment.ts";

/** What a store would do with a query's condition. */
export interface ScanDecision {
  /** What `compileToSql` gave for the condition; null if there is none or it gave nothing. */
  readonly condition: SqlFragment | null;
  /** The database's own words. */
  readonly steps: readonly string[];
  /** The path of the declared index that is used. */
  readonly index: readonly string[] | null;
}

/**
 * The one row that answers EXPLAIN SELECT, an extension: what is read, which part of the condition the database
 * decides (`all`, `part` or `none`; `all` too without a condition), how it finds the rows, and what must be seen before
 * the first row is answered. `decision` is null for a store that looks at every row itself.
 */
export function explainQuery(query: Query, decision: ScanDecision | null): JsonObject {
  const row = emptyObject();
  row["source"] = query.source;
  row["answers"] = resultTypeOf(query);
  row["inDatabase"] = share(query, decision);
  if (decision !== null) {
    const { condition, steps, index } = decision;
    if (condition !== null) {
      row["sql"] = condition.sql;
      row["parameters"] = condition.parameters;
    }
    row["plan"] = steps;
    row["index"] = index === null ? null : indexPathText(index);
  }
  row["needsAllRows"] = needsAllRows(query);
  row["aggregates"] = isAggregated(query);
  row["readsDevice"] = query.usesDevice;
  return row;
}

function share({ where }: Query, decision: ScanDecision | null): "all" | "part" | "none" {
  if (decision === null) return "none";
  if (where === null || decision.condition?.exact === true) return "all";
  return decision.condition === null ? "none" : "part";
}
