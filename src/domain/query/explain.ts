import { type JsonObject, emptyObject } from "../json.ts";
import { isAggregated } from "./aggregate.ts";
import type { Query } from "./ast.ts";
import { needsAllRows, resultTypeOf } from "./project.ts";
import type { SqlFragment } from "./sql-fragment.ts";

/**
 * The one row that answers EXPLAIN SELECT, an extension: what is read, which part of the condition the database
 * decides (`all`, `part` or `none`; `all` too without a condition), and what must be seen before the first row is
 * answered. `compiled` is what `compileToSql` gave for the condition, `null` if there is none or it gave nothing.
 */
export function explainQuery(query: Query, compiled: SqlFragment | null): JsonObject {
  const row = emptyObject();
  row["source"] = query.source;
  row["answers"] = resultTypeOf(query);
  row["inDatabase"] =
    query.where === null || compiled?.exact === true ? "all" : compiled === null ? "none" : "part";
  if (compiled !== null) {
    row["sql"] = compiled.sql;
    row["parameters"] = compiled.parameters;
  }
  row["needsAllRows"] = needsAllRows(query);
  row["aggregates"] = isAggregated(query);
  row["readsDevice"] = query.usesDevice;
  return row;
}
