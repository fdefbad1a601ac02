import { useQuery } from "@tanstack/react-query";
import { call, get } from "./client.ts";
import type { Right } from "./session.ts";

export interface Policy {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export const policiesKey = ["policies"] as const;

export function usePolicies(enabled = true) {
  return useQuery({
    queryKey: policiesKey,
    queryFn: ({ signal }) => get<readonly Policy[]>("/$hub/policies", signal),
    enabled,
  });
}

export async function putPolicy(name: string, rights: readonly Right[]): Promise<Policy> {
  const path = `/$hub/policies/${encodeURIComponent(name)}`;
  return (await call<Policy>("PUT", path, { body: { rights } })).body;
}

export async function renewPolicyKey(
  name: string,
  key: "primaryKey" | "secondaryKey",
): Promise<Policy> {
  const path = `/$hub/policies/${encodeURIComponent(name)}/regenerate`;
  return (await call<Policy>("POST", path, { body: { key } })).body;
}

export async function deletePolicy(name: string): Promise<void> {
  await call("DELETE", `/$hub/policies/${encodeURIComponent(name)}`);
}

export interface Partition {
  readonly partition: number;
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  readonly lastEnqueuedTime: string | null;
}

export interface Overview {
  readonly hostName: string;
  readonly hostNames: readonly string[];
  readonly time: string;
  readonly devices: {
    readonly total: number;
    readonly enabled: number;
    readonly disabled: number;
    readonly connected: number;
  };
  readonly modules: { readonly total: number; readonly connected: number };
  readonly partitions: readonly Partition[];
}

/** How often the overview is read, in milliseconds: the plots have one point for each time. */
export const overviewInterval = 2_000;

export function useOverview() {
  return useQuery({
    queryKey: ["overview"],
    queryFn: ({ signal }) => get<Overview>("/$hub/overview", signal),
    refetchInterval: overviewInterval,
  });
}

export interface Connection {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly protocol: string;
  readonly since: string;
  readonly auth: { readonly scope: string; readonly type: string };
}

export interface EndedConnection extends Connection {
  readonly until: string;
  readonly reason: string;
}

export function useConnections() {
  return useQuery({
    queryKey: ["connections"],
    queryFn: ({ signal }) => get<readonly Connection[]>("/$hub/connections?top=1000", signal),
    refetchInterval: 2_000,
  });
}

export function useEndedConnections() {
  return useQuery({
    queryKey: ["connections", "ended"],
    queryFn: ({ signal }) => get<readonly EndedConnection[]>("/$hub/connections/ended", signal),
    refetchInterval: 2_000,
  });
}

export function policyConnectionString(
  hostName: string,
  { name, primaryKey }: Pick<Policy, "name" | "primaryKey">,
): string {
  return `HostName=${hostName};SharedAccessKeyName=${name};SharedAccessKey=${primaryKey}`;
}
