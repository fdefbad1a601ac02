import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { Aggregator, countedPaths, isAggregated } from "../../domain/query/aggregate.ts";
import type { Query } from "../../domain/query/ast.ts";
import {
  type QueryPosition,
  readContinuation,
  writeContinuation,
} from "../../domain/query/continuation.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";
import { explainQuery } from "../../domain/query/explain.ts";
import { maxGroups } from "../../domain/query/limits.ts";
import { parseQuery } from "../../domain/query/parse.ts";
import { compileProjection, needsAllRows, resultTypeOf } from "../../domain/query/project.ts";
import { Sorter } from "../../domain/query/sort.ts";
import type { HubContext } from "../context.ts";
import type { Clock, TwinGroups } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { QueryPage } from "./query-page.ts";
import { type QueryRow, type QueryText, sourceRows, sourceTexts } from "./source-rows.ts";

/** Rows of a page when the caller does not say, and at the most (spec/semantics §6.5). */
const defaultPage = 100;
const maxPage = 1000;

/** How long a page may take, its wait for other queries included, in milliseconds. */
const timeLimit = 60_000;

export interface PageOptions {
  readonly pageSize?: number | undefined;
  readonly continuation?: string | undefined;
}

/**
 * Answers one page of a query (spec/semantics §6). It sees every write acknowledged before it was asked; a page never
 * repeats or skips rows that were there throughout. Refuses with ArgumentNull, ArgumentInvalid, GenericTimeout, and
 * ThrottleBacklogLimitExceeded when too many queries are asked at once.
 */
export async function runQuery(
  context: HubContext,
  principal: Principal,
  text: string,
  options: PageOptions,
): Promise<QueryPage> {
  demand(principal, "ServiceConnect");
  const query = parseQuery(text, { dialect: context.settings.queryDialect });
  const from: QueryPosition =
    options.continuation === undefined
      ? { after: [], delivered: 0 }
      : readContinuation(text, options.continuation);
  const check = deadline(context.clock);
  return context.querySlots.run(async () => {
    if (query.explain) return explain(context, query);
    const size = pageSize(options.pageSize);
    const { texts, next } = needsAllRows(query)
      ? await answerWhole(context, query, from, size, check)
      : await answerPage(context, query, from, size, check);
    const continuation = next === null ? null : writeContinuation(text, next);
    return new QueryPage(resultTypeOf(query), texts, continuation);
  });
}

function pageSize(wanted: number | undefined): number {
  if (wanted === undefined || !Number.isInteger(wanted) || wanted <= 0) return defaultPage;
  return Math.min(wanted, maxPage);
}

/** To be called now and then; refuses when a page has taken too long. */
function deadline(clock: Clock): () => void {
  const end = clock.now() + timeLimit;
  return () => {
    if (clock.now() <= end) return;
    throw new HubError(
      "GenericTimeout",
      `The query took longer than ${timeLimit / 1000} seconds, the limit`,
    );
  };
}

/** One row that tells how the query would be answered. */
async function explain(context: HubContext, query: Query): Promise<QueryPage> {
  const { source, where } = query;
  const plan =
    source === "devices.jobs" ? null : await context.store.explainScan({ source, where });
  return new QueryPage("raw", [JSON.stringify(explainQuery(query, plan))], null);
}

interface Answered {
  readonly texts: readonly string[];
  readonly next: QueryPosition | null;
}

/** Rows one by one, until the page is full. */
async function answerPage(
  context: HubContext,
  query: Query,
  from: QueryPosition,
  size: number,
  check: () => void,
): Promise<Answered> {
  const left = (query.top ?? Number.POSITIVE_INFINITY) - from.delivered;
  const room = Math.min(size, left);
  if (room <= 0) return { texts: [], next: null };
  const texts: string[] = [];
  let last: readonly string[] = from.after;
  for await (const slice of answeredRows(context, query, from.after, room + 1, check)) {
    for (const { text, key } of slice) {
      if (texts.length === room) {
        const delivered = from.delivered + texts.length;
        const done = query.top !== null && delivered >= query.top;
        return { texts, next: done ? null : { after: last, delivered } };
      }
      texts.push(text);
      last = key;
    }
  }
  return { texts, next: null };
}

/** The rows of an answer in key order, by slices: as the store has them where it can, else made here. */
async function* answeredRows(
  context: HubContext,
  query: Query,
  after: readonly string[],
  wanted: number,
  check: () => void,
): AsyncGenerator<readonly QueryText[]> {
  if (query.columns === null) {
    let isDecided = false;
    for await (const slice of sourceTexts(context, query, after, wanted, check)) {
      if (slice === null) break;
      isDecided = true;
      yield slice;
    }
    if (isDecided) return;
  }
  const project = compileProjection(query);
  for await (const { row, device, key } of matchingRows(context, query, after, wanted, check)) {
    yield [{ text: JSON.stringify(project(row, device)), key }];
  }
}

/** Sorted or grouped answers need every row first; their pages go by how many rows were delivered. */
async function answerWhole(
  context: HubContext,
  query: Query,
  from: QueryPosition,
  size: number,
  check: () => void,
): Promise<Answered> {
  const all = isAggregated(query)
    ? await aggregate(context, query, check)
    : await sort(context, query, check);
  const answer = query.top === null ? all : all.slice(0, query.top);
  const end = from.delivered + size;
  const next = end < answer.length ? { after: [], delivered: end } : null;
  const texts = answer.slice(from.delivered, end).map((row) => JSON.stringify(row));
  return { texts, next };
}

async function sort(
  context: HubContext,
  query: Query,
  check: () => void,
): Promise<readonly JsonObject[]> {
  const sorter = new Sorter<JsonObject>(query);
  const project = compileProjection(query);
  for await (const { row, device } of matchingRows(context, query, [], maxPage, check)) {
    sorter.add(project(row, device), row, device);
  }
  return sorter.items();
}

async function aggregate(
  context: HubContext,
  query: Query,
  check: () => void,
): Promise<readonly JsonObject[]> {
  const aggregator =
    (await countInStore(context, query, check)) ?? (await addRows(context, query, check));
  if (query.orderBy.length === 0) return aggregator.rows();
  const sorter = new Sorter<JsonObject>(query);
  for (const row of aggregator.rows()) sorter.add(row, row);
  return sorter.items();
}

async function addRows(context: HubContext, query: Query, check: () => void): Promise<Aggregator> {
  const aggregator = new Aggregator(query);
  for await (const { row, device } of matchingRows(context, query, [], maxPage, check)) {
    aggregator.add(row, device);
  }
  return aggregator;
}

/** What only counts may be counted where the rows are; null if the store can't. */
async function countInStore(
  context: HubContext,
  query: Query,
  check: () => void,
): Promise<Aggregator | null> {
  const { source, where } = query;
  const paths = countedPaths(query);
  if (paths === null || source === "devices.jobs") return null;
  const aggregator = new Aggregator(query);
  let after: IdentityKey | null = null;
  do {
    check();
    const step: TwinGroups | null = await context.store.groupTwins({
      source,
      where,
      paths,
      after,
      limit: maxGroups,
    });
    if (step === null) return null;
    for (const group of step.groups) aggregator.addCounted(group);
    after = step.next;
  } while (after !== null);
  return aggregator;
}

/** The source's rows for which the condition holds, in key order. */
async function* matchingRows(
  context: HubContext,
  query: Query,
  after: readonly string[],
  wanted: number,
  check: () => void,
): AsyncGenerator<QueryRow> {
  const passes = query.where === null ? () => true : compileCondition(query.where);
  for await (const found of sourceRows(context, query, after, wanted, check)) {
    if (passes(found.row, found.device)) yield found;
  }
}
