import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { Aggregator, isAggregated } from "../../domain/query/aggregate.ts";
import type { Query } from "../../domain/query/ast.ts";
import {
  type QueryPosition,
  readContinuation,
  writeContinuation,
} from "../../domain/query/continuation.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";
import { parseQuery } from "../../domain/query/parse.ts";
import {
  type ResultType,
  compileProjection,
  needsAllRows,
  resultTypeOf,
} from "../../domain/query/project.ts";
import { Sorter } from "../../domain/query/sort.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { type QueryRow, sourceRows } from "./source-rows.ts";

/** Rows of a page when the caller does not say, and at the most (spec/semantics §6.5). */
const defaultPage = 100;
const maxPage = 1000;

/** How long a page may take, in milliseconds. */
const timeLimit = 60_000;

export interface QueryPage {
  readonly type: ResultType;
  readonly items: readonly JsonObject[];
  /** Leads to the next page; null on the last one. */
  readonly continuation: string | null;
}

/**
 * Answers one page of a query (spec/semantics §6). It sees every write acknowledged before it was asked; a page never
 * repeats or skips rows that were there throughout.
 */
export async function runQuery(
  context: HubContext,
  principal: Principal,
  text: string,
  options: { readonly pageSize?: number | undefined; readonly continuation?: string | undefined },
): Promise<QueryPage> {
  demand(principal, "ServiceConnect");
  const query = parseQuery(text, { dialect: context.settings.queryDialect });
  const wanted = options.pageSize;
  const size =
    wanted !== undefined && Number.isInteger(wanted) && wanted > 0
      ? Math.min(wanted, maxPage)
      : defaultPage;
  const from: QueryPosition =
    options.continuation === undefined
      ? { after: [], delivered: 0 }
      : readContinuation(text, options.continuation);
  const { items, next } = needsAllRows(query)
    ? await answerWhole(context, query, from, size)
    : await answerPage(context, query, from, size);
  return {
    type: resultTypeOf(query),
    items,
    continuation: next === null ? null : writeContinuation(text, next),
  };
}

interface Answered {
  readonly items: readonly JsonObject[];
  readonly next: QueryPosition | null;
}

/** Rows one by one, until the page is full. */
async function answerPage(
  context: HubContext,
  query: Query,
  from: QueryPosition,
  size: number,
): Promise<Answered> {
  const project = compileProjection(query);
  const left = (query.top ?? Number.POSITIVE_INFINITY) - from.delivered;
  const room = Math.min(size, left);
  if (room <= 0) return { items: [], next: null };
  const items: JsonObject[] = [];
  let last: readonly string[] = from.after;
  for await (const { row, device, key } of matchingRows(context, query, from.after, room + 1)) {
    if (items.length === room) {
      const delivered = from.delivered + items.length;
      const done = query.top !== null && delivered >= query.top;
      return { items, next: done ? null : { after: last, delivered } };
    }
    items.push(project(row, device));
    last = key;
  }
  return { items, next: null };
}

/** Sorted or grouped answers need every row first; their pages go by how many rows were delivered. */
async function answerWhole(
  context: HubContext,
  query: Query,
  from: QueryPosition,
  size: number,
): Promise<Answered> {
  const all = (await countOnly(context, query)) ?? (await collect(context, query));
  const answer = query.top === null ? all : all.slice(0, query.top);
  const end = from.delivered + size;
  const next = end < answer.length ? { after: [], delivered: end } : null;
  return { items: answer.slice(from.delivered, end), next };
}

async function collect(context: HubContext, query: Query): Promise<readonly JsonObject[]> {
  const sorter = new Sorter<JsonObject>(query);
  if (!isAggregated(query)) {
    const project = compileProjection(query);
    for await (const { row, device } of matchingRows(context, query, [], maxPage)) {
      sorter.add(project(row, device), row, device);
    }
    return sorter.items();
  }
  const aggregator = new Aggregator(query);
  for await (const { row, device } of matchingRows(context, query, [], maxPage)) {
    aggregator.add(row, device);
  }
  if (query.orderBy.length === 0) return aggregator.rows();
  for (const row of aggregator.rows()) sorter.add(row, row);
  return sorter.items();
}

/** `SELECT COUNT() … WHERE …`, which a store may answer without showing the rows. */
async function countOnly(context: HubContext, query: Query): Promise<readonly JsonObject[] | null> {
  const column = query.columns?.[0];
  if (query.source === "devices.jobs" || query.groupBy.length > 0 || query.orderBy.length > 0)
    return null;
  if (query.columns?.length !== 1 || column?.value.kind !== "aggregate") return null;
  if (column.value.function !== "count") return null;
  const count = await context.store.countTwins({ source: query.source, where: query.where });
  return count === null ? null : [{ [column.name]: count }];
}

/** The source's rows for which the condition holds, in key order. Refuses when it takes too long. */
async function* matchingRows(
  context: HubContext,
  query: Query,
  after: readonly string[],
  pageSize: number,
): AsyncGenerator<QueryRow> {
  const passes = query.where === null ? () => true : compileCondition(query.where);
  const deadline = context.clock.now() + timeLimit;
  for await (const found of sourceRows(context, query, after, pageSize)) {
    if (context.clock.now() > deadline) {
      throw new HubError(
        "GenericTimeout",
        `The query took longer than ${timeLimit / 1000} seconds, the limit`,
      );
    }
    if (passes(found.row, found.device)) yield found;
  }
}
