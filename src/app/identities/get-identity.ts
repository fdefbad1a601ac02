import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { HubContext } from "../context.ts";
import type { Resource } from "../hub.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { identityBody, identityResource } from "./identity-resource.ts";
import { demandModuleRead } from "./module-rights.ts";

/** How many devices one list call gives at the most (spec/semantics §2.9). */
const maxList = 1000;

export async function getIdentity(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
): Promise<Resource> {
  if (key.moduleId === undefined) demand(principal, "RegistryRead");
  else demandModuleRead(principal, key);
  return context.store.transaction(key, (tx) =>
    identityResource(context, tx, findIdentity(tx, key).identity),
  );
}

/** `top` outside 1–1000 counts as 1000; there is no second page (spec/rest §8.2). */
export async function listDevices(
  context: HubContext,
  principal: Principal,
  top: number | undefined,
): Promise<readonly JsonObject[]> {
  demand(principal, "RegistryRead");
  const limit =
    top !== undefined && Number.isInteger(top) && top >= 1 && top <= maxList ? top : maxList;
  const devices = await context.store.listDevices(null, limit);
  return context.store.transaction(null, (tx) =>
    devices.map((device) => identityBody(context, tx, device)),
  );
}

export async function listModules(
  context: HubContext,
  principal: Principal,
  deviceId: string,
): Promise<readonly JsonObject[]> {
  demandModuleRead(principal, { deviceId });
  return context.store.transaction({ deviceId }, (tx) => {
    findIdentity(tx, { deviceId });
    return tx.modulesOf(deviceId).map((module) => identityBody(context, tx, module));
  });
}

export async function statistics(
  context: HubContext,
  principal: Principal,
): Promise<{ total: number; enabled: number; disabled: number; modules: number }> {
  demand(principal, "RegistryRead");
  const { devices, disabledDevices, modules } = await context.store.transaction(null, (tx) =>
    tx.counts(),
  );
  return {
    total: devices,
    enabled: devices - disabledDevices,
    disabled: disabledDevices,
    modules,
  };
}

export async function connectedDevices(context: HubContext, principal: Principal): Promise<number> {
  demand(principal, "RegistryRead");
  return context.live.deviceCount;
}
