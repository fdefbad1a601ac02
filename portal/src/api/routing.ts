import { useQuery } from "@tanstack/react-query";
import { call, get } from "./client.ts";

export const routeSources = [
  "DeviceMessages",
  "TwinChangeEvents",
  "DeviceLifecycleEvents",
  "DeviceConnectionStateEvents",
  "DeviceJobLifecycleEvents",
] as const;

export type RouteSource = (typeof routeSources)[number];

export interface Route {
  readonly name: string;
  readonly source: RouteSource;
  readonly condition: string;
  readonly endpointNames: readonly string[];
  readonly isEnabled: boolean;
  readonly etag: string;
}

interface AnyEndpoint {
  readonly name: string;
  readonly waitingMessages: number;
  readonly deadLetters: number;
  readonly healthStatus: "unknown" | "healthy" | "degraded" | "unhealthy";
  readonly lastKnownError: string | null;
  readonly etag: string;
}

export interface Webhook extends AnyEndpoint {
  readonly type: "webhook";
  readonly url: string;
}

/** Another event log of the hub's own. */
export interface LogEndpoint extends AnyEndpoint {
  readonly type: "log";
  readonly partitionCount: number;
  readonly retentionTimeInHours: number;
  /** Bytes of bodies. */
  readonly maxPartitionBytes: number;
}

export type Endpoint = Webhook | LogEndpoint;

export interface Enrichment {
  readonly key: string;
  readonly value: string;
  readonly endpointNames: readonly string[];
  readonly etag: string;
}

export const routingKey = ["routing"] as const;

function useList<T>(path: string) {
  return useQuery({
    queryKey: [...routingKey, path],
    queryFn: ({ signal }) => get<readonly T[]>(`/$hub/${path}`, signal),
    refetchInterval: 5_000,
  });
}

export const useRoutes = () => useList<Route>("routes");
export const useEndpoints = () => useList<Endpoint>("endpoints");
export const useEnrichments = () => useList<Enrichment>("enrichments");

export function useFallback() {
  return useQuery({
    queryKey: [...routingKey, "fallback"],
    queryFn: ({ signal }) => get<Route>("/$hub/fallbackRoute", signal),
  });
}

export async function setFallback(isEnabled: boolean): Promise<void> {
  await call("PUT", "/$hub/fallbackRoute", { body: { isEnabled } });
}

/** `kind` is the collection: `routes`, `endpoints` or `enrichments`. */
export async function putRouting(
  kind: string,
  name: string,
  body: object,
  etag?: string,
): Promise<void> {
  await call("PUT", `/$hub/${kind}/${encodeURIComponent(name)}`, { body, ifMatch: etag });
}

export async function deleteRouting(kind: string, name: string, etag: string): Promise<void> {
  await call("DELETE", `/$hub/${kind}/${encodeURIComponent(name)}`, { ifMatch: etag });
}

export interface RouteTest {
  readonly result: "true" | "false" | "undefined";
  readonly details: {
    readonly compilationErrors: readonly {
      readonly message: string;
      readonly location: { readonly start: { readonly line: number; readonly column: number } };
    }[];
  };
}

/** Asks the hub whether a message of this body would pass the condition. */
export async function testRoute(
  source: RouteSource,
  condition: string,
  body: string,
): Promise<RouteTest> {
  const message = {
    body,
    systemProperties: { contentType: "application/json", contentEncoding: "utf-8" },
  };
  const input = { route: { source, condition }, message };
  return (await call<RouteTest>("POST", "/$hub/routes/test", { body: input })).body;
}
