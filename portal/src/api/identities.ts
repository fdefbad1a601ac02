import { useQuery } from "@tanstack/react-query";
import type { JsonObject } from "../lib/json.ts";
import { call, get } from "./client.ts";

/** The address of a device or a module. */
export interface IdentityKey {
  readonly deviceId: string;
  readonly moduleId?: string | undefined;
}

export type AuthenticationType = "sas" | "selfSigned" | "certificateAuthority" | "none";

export interface Authentication {
  readonly type: AuthenticationType;
  readonly symmetricKey: {
    readonly primaryKey: string | null;
    readonly secondaryKey: string | null;
  };
  readonly x509Thumbprint: {
    readonly primaryThumbprint: string | null;
    readonly secondaryThumbprint: string | null;
  };
}

/** A device or, with `moduleId`, a module. */
export interface Identity extends IdentityKey {
  readonly generationId: string;
  readonly etag: string;
  readonly connectionState: "Connected" | "Disconnected";
  readonly connectionStateUpdatedTime: string;
  readonly lastActivityTime: string;
  readonly cloudToDeviceMessageCount: number;
  readonly authentication: Authentication;
  /** Of devices only. */
  readonly status?: "enabled" | "disabled";
  readonly statusReason?: string | null;
  readonly statusUpdatedTime?: string;
  readonly capabilities?: { readonly iotEdge: boolean };
  /** Of modules only. */
  readonly managedBy?: string | null;
}

export function identityPath({ deviceId, moduleId }: IdentityKey): string {
  const device = `/devices/${encodeURIComponent(deviceId)}`;
  return moduleId === undefined ? device : `${device}/modules/${encodeURIComponent(moduleId)}`;
}

export function keyName({ deviceId, moduleId }: IdentityKey): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

export function identityKey(key: IdentityKey): readonly unknown[] {
  return ["identity", key.deviceId, key.moduleId ?? ""];
}

export function useIdentity(key: IdentityKey) {
  return useQuery({
    queryKey: identityKey(key),
    queryFn: ({ signal }) => get<Identity>(identityPath(key), signal),
    refetchInterval: 5_000,
  });
}

export function useModules(deviceId: string) {
  return useQuery({
    queryKey: ["modules", deviceId],
    queryFn: ({ signal }) =>
      get<readonly Identity[]>(`/devices/${encodeURIComponent(deviceId)}/modules`, signal),
    refetchInterval: 5_000,
  });
}

/** What is written of an identity; the rest is the hub's. */
export interface IdentityInput {
  readonly status?: "enabled" | "disabled";
  readonly statusReason?: string | null;
  readonly managedBy?: string;
  readonly capabilities?: { readonly iotEdge: boolean };
  readonly authentication?: JsonObject;
}

export async function putIdentity(
  key: IdentityKey,
  input: IdentityInput,
  etag?: string,
): Promise<Identity> {
  const ids = key.moduleId === undefined ? { deviceId: key.deviceId } : { ...key };
  const body = { ...ids, ...input };
  return (await call<Identity>("PUT", identityPath(key), { body, ifMatch: etag })).body;
}

export async function deleteIdentity(key: IdentityKey): Promise<void> {
  await call("DELETE", identityPath(key), { ifMatch: "*" });
}

/** A PUT replaces the whole identity: this is what the identity is now, to be written with changes. */
export function inputOf(identity: Identity): IdentityInput {
  const { authentication, status, statusReason, managedBy, capabilities } = identity;
  return {
    authentication: authentication as unknown as JsonObject,
    ...(status === undefined ? {} : { status, statusReason: statusReason ?? null }),
    ...(managedBy === undefined || managedBy === null ? {} : { managedBy }),
    ...(capabilities === undefined ? {} : { capabilities }),
  };
}

export function connectionStringOf(
  hostName: string,
  { deviceId, moduleId }: IdentityKey,
  key: string,
): string {
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${hostName};DeviceId=${deviceId}${module};SharedAccessKey=${key}`;
}
