import { HubError } from "../../domain/errors.ts";
import { credentialsChanged } from "../../domain/identity/changes.ts";
import { createDevice, updateDevice } from "../../domain/identity/device.ts";
import type { Device, Identity, Module } from "../../domain/identity/identity.ts";
import type { DeviceInput, ModuleInput } from "../../domain/identity/inputs.ts";
import {
  type ModuleKey,
  checkKey,
  isSystemModule,
  systemModules,
} from "../../domain/identity/key.ts";
import {
  countsAsModule,
  createModule,
  maxModulesPerDevice,
  systemModule,
  updateModule,
} from "../../domain/identity/module.ts";
import { hasMembers } from "../../domain/json.ts";
import { deleteSettings } from "../configurations/stored-configurations.ts";
import { dropUploads } from "../files/open-uploads.ts";
import { dropMessages } from "../messages/device-queue.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";
import { madeForNew, madeForUpdate } from "./made.ts";

/** The registry's writes inside a transaction: used by single and by bulk operations. */
export interface RegistryWrite {
  readonly context: HubContext;
  readonly tx: HubTx;
  /** Bulk operations take any scope (spec/semantics §2.8). */
  readonly scopesUnchecked?: boolean;
}

export function addDevice(write: RegistryWrite, deviceId: string, input: DeviceInput): Device {
  const { context, tx } = write;
  checkKey({ deviceId });
  checkRoom(context, tx);
  const device = createDevice(
    deviceId,
    input,
    madeForNew(context, tx.now),
    deviceFinder(tx),
    write,
  );
  add(tx, device);
  addSystemModules(write, device);
  return device;
}

export function changeDevice(write: RegistryWrite, stored: Device, input: DeviceInput): Device {
  const { context, tx } = write;
  const made = madeForUpdate(context, tx.now, stored);
  const device = updateDevice(stored, input, made, deviceFinder(tx), write);
  change(tx, stored, device);
  addSystemModules(write, device);
  return device;
}

export function addModule(write: RegistryWrite, key: ModuleKey, input: ModuleInput): Module {
  const { context, tx } = write;
  checkKey(key);
  const device = tx.identity({ deviceId: key.deviceId });
  if (device === undefined || device.moduleId !== undefined)
    throw new HubError("DeviceNotFound", key.deviceId);
  refuseSystemModule(device, key.moduleId);
  if (tx.modulesOf(key.deviceId).filter(countsAsModule).length >= maxModulesPerDevice) {
    throw new HubError(
      "TooManyModulesOnDevice",
      `Device ${key.deviceId} already has ${maxModulesPerDevice} modules, the limit of a device`,
    );
  }
  checkRoom(context, tx);
  const module = createModule(key, input, madeForNew(context, tx.now));
  add(tx, module);
  return module;
}

export function changeModule(write: RegistryWrite, stored: Module, input: ModuleInput): Module {
  const { context, tx } = write;
  refuseSystemModule(tx.identity({ deviceId: stored.deviceId }), stored.moduleId);
  const module = updateModule(stored, input, madeForUpdate(context, tx.now, stored));
  change(tx, stored, module);
  return module;
}

/** Removes an identity with everything that belongs to it; a device takes its modules with it (spec/semantics §2.9). */
export function removeIdentity(tx: HubTx, identity: Identity): void {
  if (identity.moduleId === undefined) {
    for (const module of tx.modulesOf(identity.deviceId)) remove(tx, module);
  } else {
    refuseSystemModule(tx.identity({ deviceId: identity.deviceId }), identity.moduleId);
  }
  remove(tx, identity);
}

function add(tx: HubTx, identity: Identity): void {
  tx.putIdentity(identity);
  tx.putTwin(identity, newTwin(tx.now));
  tx.emit({
    type: "identityCreated",
    key: keyOf(identity),
    at: tx.now,
    generationId: identity.generationId,
  });
}

function change(tx: HubTx, before: Device | Module, after: Device | Module): void {
  tx.putIdentity(after);
  const status =
    before.moduleId === undefined && after.moduleId === undefined && before.status !== after.status
      ? after.status
      : undefined;
  const credentials = credentialsChanged(before, after);
  tx.emit({ type: "identityUpdated", key: keyOf(after), at: tx.now, credentials, status });
}

function remove(tx: HubTx, identity: Identity): void {
  const key = keyOf(identity);
  if (hasMembers(tx.twin(key)?.configurations ?? {})) deleteSettings(tx, key);
  tx.deleteIdentity(key);
  tx.deleteTwin(key);
  tx.deletePresence(key);
  tx.deleteSession(key);
  if (identity.moduleId === undefined) {
    dropMessages(tx, identity.deviceId);
    dropUploads(tx, identity.deviceId);
  }
  tx.emit({ type: "identityDeleted", key, at: tx.now, generationId: identity.generationId });
}

/** An edge device has `$edgeAgent` and `$edgeHub`, which only the hub makes (spec/semantics §2.8). */
function addSystemModules({ context, tx }: RegistryWrite, device: Device): void {
  if (!device.iotEdge) return;
  for (const moduleId of systemModules) {
    if (tx.identity({ deviceId: device.deviceId, moduleId }) !== undefined) continue;
    add(tx, systemModule(device.deviceId, moduleId, madeForNew(context, tx.now)));
  }
}

function refuseSystemModule(device: Identity | undefined, moduleId: string): void {
  if (!isSystemModule(moduleId) || device?.moduleId !== undefined || device?.iotEdge !== true)
    return;
  throw new HubError(
    "SystemModuleModifyUnauthorizedAccess",
    `Module ${moduleId} of an edge device is made and removed by the hub only`,
  );
}

function checkRoom(context: HubContext, tx: HubTx): void {
  const { devices, modules } = tx.counts();
  const { maxIdentities } = context.settings;
  if (devices + modules < maxIdentities) return;
  throw new HubError(
    "TooManyDevices",
    `The hub already has ${maxIdentities} devices and modules, its limit`,
  );
}

function deviceFinder(tx: HubTx): (deviceId: string) => Device | undefined {
  return (deviceId) => {
    const found = tx.identity({ deviceId });
    return found?.moduleId === undefined ? found : undefined;
  };
}

function keyOf({ deviceId, moduleId }: Identity): { deviceId: string; moduleId?: string } {
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}
