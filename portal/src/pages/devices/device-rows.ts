import { type QueryClient, keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { get } from "../../api/client.ts";
import type { AuthenticationType, Identity, IdentityKey } from "../../api/identities.ts";
import { knownSession, mayDo } from "../../api/session.ts";
import { prefetchTwinPages, useTwinPages } from "../../api/twin-pages.ts";
import type { Rows } from "../../components/virtual-table.tsx";
import { useSession } from "../../shell/session-context.ts";

export interface DeviceRow extends IdentityKey {
  readonly status?: string | undefined;
  readonly connectionState: string | undefined;
  readonly lastActivityTime: string;
  readonly authenticationType: AuthenticationType;
}

export type Kind = "devices" | "modules";

/** The list of identities can't be paged: this is all that it gives (spec/rest §8.2). */
const listLimit = 1_000;

const members = "deviceId, connectionState, lastActivityTime, authenticationType";

const selected = { devices: `${members}, status`, modules: `${members}, moduleId` } as const;
const collections = { devices: "devices", modules: "devices.modules" } as const;

/** Begins to read what `useDevices` will show, as soon as it is known who has signed in. */
export async function prefetchDevices(
  queries: QueryClient,
  kind: Kind,
  prefix: string | undefined,
  where: string | undefined,
): Promise<void> {
  const session = await knownSession(queries).catch(() => null);
  if (session === null || !mayDo(session, "ServiceConnect")) return;
  const condition = conditionOf(prefix, where);
  await prefetchTwinPages(queries, selected[kind], collections[kind], condition);
}

export interface DeviceRows {
  readonly rows: Rows<DeviceRow>;
  /** By query, which needs ServiceConnect; else the first thousand devices of the registry. */
  readonly byQuery: boolean;
  readonly total: number | undefined;
  readonly summary: string;
  readonly isPending: boolean;
  readonly error: Error | null;
  readonly show: (first: number, last: number) => void;
  readonly reload: () => void;
}

/** Devices, or the modules of all devices, whose device id begins with `prefix` and that fit the condition `where`. */
export function useDevices(
  kind: Kind,
  prefix: string | undefined,
  where: string | undefined,
): DeviceRows {
  const byQuery = mayDo(useSession(), "ServiceConnect");
  const pages = useTwinPages(
    selected[kind],
    byQuery ? collections[kind] : undefined,
    conditionOf(prefix, where),
  );
  const list = useQuery({
    queryKey: ["devices", "list", prefix ?? ""],
    queryFn: ({ signal }) => listed(prefix, signal),
    enabled: !byQuery,
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
  });
  const reloadList = useCallback(() => void list.refetch(), [list.refetch]);
  if (byQuery) {
    const rows = pages as unknown as Rows<DeviceRow>;
    return { ...pages, rows, byQuery, summary: summaryOf(kind, pages.length, pages.total) };
  }
  const rows = list.data ?? [];
  return {
    rows,
    byQuery,
    total: rows.length,
    summary: list.isPending ? "" : summaryOf("devices", rows.length, rows.length),
    isPending: list.isPending,
    error: list.error,
    show: ignore,
    reload: reloadList,
  };
}

function ignore(): void {
  // All rows are there.
}

function summaryOf(kind: Kind, length: number, total: number | undefined): string {
  const count = total ?? length;
  const noun = count === 1 ? kind.slice(0, -1) : kind;
  return `${count.toLocaleString("en")} ${noun}${total === undefined ? " so far" : ""}`;
}

function conditionOf(prefix: string | undefined, where: string | undefined): string {
  const terms = [
    ...(prefix === undefined ? [] : prefixTerms(prefix)),
    ...(where === undefined ? [] : [`(${where})`]),
  ];
  return terms.length === 0 ? "" : ` WHERE ${terms.join(" AND ")}`;
}

/** Ids are compared by code unit: between the prefix and the prefix with its last unit raised. */
function prefixTerms(prefix: string): string[] {
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return [`deviceId >= ${quote(prefix)}`, `deviceId < ${quote(end)}`];
}

async function listed(
  prefix: string | undefined,
  signal: AbortSignal,
): Promise<readonly DeviceRow[]> {
  const devices = await get<readonly Identity[]>(`/devices?top=${listLimit}`, signal);
  const rows = devices.map((device) => ({
    deviceId: device.deviceId,
    status: device.status,
    connectionState: device.connectionState,
    lastActivityTime: device.lastActivityTime,
    authenticationType: device.authentication.type,
  }));
  return rows.filter((row) => row.deviceId.startsWith(prefix ?? ""));
}
