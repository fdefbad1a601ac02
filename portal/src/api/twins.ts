import { useQuery } from "@tanstack/react-query";
import type { JsonObject } from "../lib/json.ts";
import { call } from "./client.ts";
import type { IdentityKey } from "./identities.ts";

/** A section of properties: the members a person wrote, `$version` and `$metadata`. */
export type Section = JsonObject & {
  readonly $version: number;
  readonly $metadata: JsonObject & { readonly $lastUpdated: string };
};

export interface TwinDocument extends IdentityKey {
  readonly etag: string;
  readonly version: number;
  readonly status: "enabled" | "disabled";
  readonly connectionState: "Connected" | "Disconnected";
  readonly lastActivityTime: string;
  readonly authenticationType: string;
  readonly cloudToDeviceMessageCount: number;
  readonly modelId: string;
  readonly tags?: JsonObject;
  readonly properties: { readonly desired: Section; readonly reported: Section };
  readonly configurations?: Readonly<Record<string, { readonly status: string }>>;
}

export function twinPath({ deviceId, moduleId }: IdentityKey): string {
  const device = `/twins/${encodeURIComponent(deviceId)}`;
  return moduleId === undefined ? device : `${device}/modules/${encodeURIComponent(moduleId)}`;
}

export function twinKey(key: IdentityKey): readonly unknown[] {
  return ["twin", key.deviceId, key.moduleId ?? ""];
}

export async function getTwin(key: IdentityKey, signal?: AbortSignal): Promise<TwinDocument> {
  return (await call<TwinDocument>("GET", twinPath(key), { signal })).body;
}

/** `every`: how often it is read again, in milliseconds; `false`: not at all. */
export function useTwin(key: IdentityKey, every: number | false) {
  return useQuery({
    queryKey: twinKey(key),
    queryFn: ({ signal }) => getTwin(key, signal),
    refetchInterval: every,
    enabled: every !== false,
  });
}

export interface TwinPatch {
  readonly tags?: JsonObject;
  readonly properties?: { readonly desired: JsonObject };
}

/** Merges the patch if the twin still has `etag`: otherwise an `ApiError` with 412. */
export async function patchTwin(
  key: IdentityKey,
  patch: TwinPatch,
  etag: string,
): Promise<TwinDocument> {
  return (await call<TwinDocument>("PATCH", twinPath(key), { body: patch, ifMatch: etag })).body;
}
