import { HubError } from "../../domain/errors.ts";
import type { Device, Identity } from "../../domain/identity/identity.ts";
import { type IdentityKey, isId, keyText } from "../../domain/identity/key.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { HubReads } from "../ports.ts";

export interface FoundIdentity {
  readonly identity: Identity;
  /** The device itself, or the device of the module. */
  readonly device: Device;
}

/** Refuses with DeviceNotFound or, on a known device, ModuleNotFound. */
export function findIdentity(tx: HubReads, key: IdentityKey): FoundIdentity {
  // What is no id names nobody, whatever a store would make of it.
  const device = isId(key.deviceId) ? tx.identity({ deviceId: key.deviceId }) : undefined;
  if (device === undefined || device.moduleId !== undefined)
    throw new HubError("DeviceNotFound", key.deviceId);
  if (key.moduleId === undefined) return { identity: device, device };
  const module = isId(key.moduleId) ? tx.identity(key) : undefined;
  if (module === undefined) {
    throw new HubError("ModuleNotFound", `Device ${key.deviceId} has no module ${key.moduleId}`);
  }
  return { identity: module, device };
}

/** An identity and its twin, which exist together (spec/semantics §1). */
export function findTwin(tx: HubReads, key: IdentityKey): FoundIdentity & { readonly twin: Twin } {
  const found = findIdentity(tx, key);
  const twin = tx.twin(key);
  if (twin === undefined) throw new Error(`the identity '${keyText(key)}' has no twin`);
  return { ...found, twin };
}
