import {
  type QueryClient,
  keepPreviousData,
  queryOptions,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import type { JsonObject } from "../lib/json.ts";
import { type QueryPage, runQuery } from "./query.ts";

/** Rows of the first page: no more than a window shows, so that they are soon there. */
export const firstPageSize = 100;
/** Rows of each of the others, but of the last one. */
export const pageSize = 500;
/** Pages that are read beyond those in view. */
const ahead = 2;
/** How often the pages in view are read again, and the number of all rows, in milliseconds. */
const refresh = 5_000;
const recount = 30_000;
/** How long a page out of view is kept, in milliseconds. */
const keptFor = 60_000;

/** The rows of a query, read by pages as they come into view. */
export interface TwinPages {
  /** Rows that can be scrolled to; more come when their end comes near. */
  readonly length: number;
  /** `undefined` for a row that is being read again. */
  readonly at: (index: number) => JsonObject | undefined;
  /** All rows that there are; `undefined` as long as they are not counted. */
  readonly total: number | undefined;
  /** The last row can be scrolled to. */
  readonly isWhole: boolean;
  readonly isPending: boolean;
  readonly error: Error | null;
  /** Tells which rows are in view. */
  readonly show: (first: number, last: number) => void;
  readonly reload: () => void;
}

interface View {
  readonly statement: string;
  /** Where each page begins that can be read; they are known one after the other. */
  readonly starts: readonly (string | null)[];
  readonly first: number;
  readonly last: number;
}

const viewOf = (statement: string): View => ({ statement, starts: [null], first: 0, last: 0 });

function pageOptions(statement: string, start: string | null) {
  return queryOptions({
    queryKey: ["devices", "page", statement, start ?? ""],
    queryFn: ({ signal }) => {
      const top = start === null ? firstPageSize : pageSize;
      return runQuery(statement, { continuation: start, top, signal });
    },
    staleTime: refresh,
    gcTime: keptFor,
  });
}

/** Which page a row is on, and which row of it. */
export function placeOf(index: number): readonly [page: number, row: number] {
  if (index < firstPageSize) return [0, index];
  const beyond = index - firstPageSize;
  return [1 + Math.floor(beyond / pageSize), beyond % pageSize];
}

/** How many rows there are before a page. */
export function rowsBefore(page: number): number {
  return page === 0 ? 0 : firstPageSize + (page - 1) * pageSize;
}

export type TwinCollection = "devices" | "devices.modules";

function statementOf(select: string, from: TwinCollection, where: string): string {
  return `SELECT ${select} FROM ${from}${where}`;
}

/** Begins to read the first page, while the page that shows it is still being made. */
export function prefetchTwinPages(
  queries: QueryClient,
  select: string,
  from: TwinCollection,
  where: string,
): Promise<void> {
  return queries.prefetchQuery(pageOptions(statementOf(select, from, where), null));
}

/**
 * Reads `SELECT select FROM from WHERE where`, which begins with the key: only pages in view are read again, pages out
 * of view are forgotten after a while. `undefined` as `from` reads nothing.
 */
export function useTwinPages(
  select: string,
  from: TwinCollection | undefined,
  where: string,
): TwinPages {
  const queries = useQueryClient();
  const statement = statementOf(select, from ?? "devices", where);
  const [kept, setKept] = useState(() => viewOf(statement));
  const view = kept.statement === statement ? kept : viewOf(statement);
  const first = useQuery({
    ...pageOptions(statement, null),
    enabled: from !== undefined,
    refetchInterval: view.first === 0 ? refresh : false,
    placeholderData: keepPreviousData,
  });
  const [begin, end] = [Math.max(1, view.first), view.last + ahead + 1];
  useQueries({
    queries: view.starts.slice(begin, end).map((start, index) => ({
      ...pageOptions(statement, start),
      refetchInterval: begin + index <= view.last ? refresh : (false as const),
    })),
    combine: dataOf,
  });
  const count = useCount(from, where, first.isSuccess && !first.isPlaceholderData);

  const pageAt = useCallback(
    (page: number): QueryPage | undefined => {
      const start = view.starts[page];
      if (start === undefined) return undefined;
      return (
        queries.getQueryData(pageOptions(statement, start).queryKey) ??
        (page === 0 ? first.data : undefined)
      );
    },
    [queries, statement, view.starts, first.data],
  );
  // Each page tells where the next one begins: anew when rows have come or gone.
  useEffect(() => {
    if (first.isPlaceholderData) return;
    const starts = startsAfter(view, pageAt);
    if (starts !== view.starts) setKept({ ...view, starts });
  });
  const show = useCallback(
    (from: number, to: number) =>
      setKept((before) => {
        const now = before.statement === statement ? before : viewOf(statement);
        const [[first], [last]] = [placeOf(from), placeOf(to)];
        return first === now.first && last === now.last ? now : { ...now, first, last };
      }),
    [statement],
  );
  const at = useCallback(
    (index: number) => {
      const [page, row] = placeOf(index);
      return pageAt(page)?.items[row];
    },
    [pageAt],
  );
  const tail = pageAt(view.starts.length - 1);
  const isWhole = tail !== undefined && tail.continuation === null;
  const length = rowsBefore(view.starts.length - 1) + (tail?.items.length ?? 0);
  return useMemo(
    () => ({
      length,
      at,
      total: isWhole ? length : count,
      isWhole,
      isPending: first.isPending,
      error: first.error,
      show,
      reload: () => void queries.invalidateQueries({ queryKey: ["devices"] }),
    }),
    [length, at, isWhole, count, first.isPending, first.error, show, queries],
  );
}

/** Reading it makes the hook hear of pages that have come. */
function dataOf(
  results: readonly { readonly data: QueryPage | undefined }[],
): readonly (QueryPage | undefined)[] {
  return results.map(({ data }) => data);
}

/** The same array if the pages in view begin where they should. */
function startsAfter(
  { starts, first, last }: View,
  pageAt: (page: number) => QueryPage | undefined,
): readonly (string | null)[] {
  for (let page = Math.max(0, first - 1); page <= last + ahead; page += 1) {
    const next = pageAt(page)?.continuation;
    if (next === undefined || next === starts[page + 1]) continue;
    if (next !== null) return [...starts.slice(0, page + 1), next, ...starts.slice(page + 2)];
    if (starts.length > page + 1) return starts.slice(0, page + 1);
  }
  return starts;
}

function useCount(from: string | undefined, where: string, enabled: boolean): number | undefined {
  const { data } = useQuery({
    queryKey: ["devices", "count", from, where],
    queryFn: async ({ signal }) => {
      const { items } = await runQuery(`SELECT COUNT() AS n FROM ${from}${where}`, { signal });
      return Number(items[0]?.["n"] ?? 0);
    },
    enabled: enabled && from !== undefined,
    staleTime: recount,
    refetchInterval: recount,
  });
  return data;
}
