import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { get } from "../../api/client.ts";
import type { AuthenticationType, Identity } from "../../api/identities.ts";
import { runQuery } from "../../api/query.ts";
import { mayDo } from "../../api/session.ts";
import { useSession } from "../../shell/session-context.ts";

export interface DeviceRow {
  readonly deviceId: string;
  readonly status: string | undefined;
  readonly connectionState: string | undefined;
  readonly lastActivityTime: string;
  readonly authenticationType: AuthenticationType;
}

interface Page {
  readonly rows: readonly DeviceRow[];
  readonly next: string | null;
}

/** Devices that one page of the list holds. */
const pageSize = 200;
/** The list of identities can't be paged: this is all that it gives (spec/rest §8.2). */
const listLimit = 1_000;

/** Pages of devices: by query with ServiceConnect, else the first thousand of the registry. */
export function useDevices(prefix: string | undefined, where: string | undefined) {
  const session = useSession();
  const byQuery = mayDo(session, "ServiceConnect");
  const pages = useInfiniteQuery({
    queryKey: ["devices", byQuery, prefix ?? "", where ?? ""],
    queryFn: ({ pageParam, signal }) =>
      byQuery ? queried(prefix, where, pageParam, signal) : listed(prefix, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page) => page.next,
    refetchInterval: 5_000,
    placeholderData: (previous) => previous,
  });
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.rows) ?? [], [pages.data]);
  const { hasNextPage, isFetching, fetchNextPage } = pages;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const count = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "device" : "devices"}`;
  return {
    rows,
    byQuery,
    more,
    error: pages.error,
    isPending: pages.isPending,
    reload: () => void pages.refetch(),
    summary: pages.isPending ? "" : hasNextPage ? `${count} so far` : count,
  };
}

async function queried(
  prefix: string | undefined,
  where: string | undefined,
  continuation: string | null,
  signal: AbortSignal,
): Promise<Page> {
  const terms = [
    ...(prefix === undefined ? [] : prefixTerms(prefix)),
    ...(where === undefined ? [] : [`(${where})`]),
  ];
  const condition = terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`;
  const page = await runQuery(`SELECT * FROM devices${condition}`, {
    continuation,
    top: pageSize,
    signal,
  });
  return { rows: page.items.map((twin) => rowOf(twin)), next: page.continuation };
}

/** Ids are compared by code unit: between the prefix and the prefix with its last unit raised. */
function prefixTerms(prefix: string): string[] {
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return [`deviceId >= ${quote(prefix)}`, `deviceId < ${quote(end)}`];
}

async function listed(prefix: string | undefined, signal: AbortSignal): Promise<Page> {
  const devices = await get<readonly Identity[]>(`/devices?top=${listLimit}`, signal);
  const rows = devices.map((device) => ({
    deviceId: device.deviceId,
    status: device.status,
    connectionState: device.connectionState,
    lastActivityTime: device.lastActivityTime,
    authenticationType: device.authentication.type,
  }));
  return { rows: rows.filter((row) => row.deviceId.startsWith(prefix ?? "")), next: null };
}

function rowOf(twin: object): DeviceRow {
  return twin as unknown as DeviceRow;
}
