import { HubError } from "../../domain/errors.ts";
import {
  type Precondition,
  identityEtag,
  meansExisting,
  satisfies,
} from "../../domain/identity/etag.ts";
import type { Identity } from "../../domain/identity/identity.ts";
import type { DeviceInput, ModuleInput } from "../../domain/identity/inputs.ts";
import type { IdentityKey, ModuleKey } from "../../domain/identity/key.ts";
import type { HubContext } from "../context.ts";
import type { PutResource } from "../hub.ts";
import { type Principal, demand } from "../principal.ts";
import { identityResource } from "./identity-resource.ts";
import { demandModuleWrite } from "./module-rights.ts";
import { addDevice, addModule, changeDevice, changeModule } from "./write-identity.ts";

/** Creates a device, or updates it if the caller's precondition means an existing one (spec/rest §6.3). */
export async function putDevice(
  context: HubContext,
  principal: Principal,
  deviceId: string,
  input: DeviceInput,
  precondition: Precondition,
): Promise<PutResource> {
  demand(principal, "RegistryWrite");
  return context.store.transaction({ deviceId }, (tx) => {
    const stored = tx.identity({ deviceId });
    if (!updates(stored, { deviceId }, precondition, context)) {
      return {
        created: true,
        ...identityResource(context, tx, addDevice({ context, tx }, deviceId, input)),
      };
    }
    if (stored?.moduleId !== undefined || stored === undefined)
      throw new HubError("DeviceNotFound", deviceId);
    return {
      created: false,
      ...identityResource(context, tx, changeDevice({ context, tx }, stored, input)),
    };
  });
}

/** The same for a module; the device itself may do it too (spec/rest §9.6). */
export async function putModule(
  context: HubContext,
  principal: Principal,
  key: ModuleKey,
  input: ModuleInput,
  precondition: Precondition,
): Promise<PutResource> {
  demandModuleWrite(principal, key);
  return context.store.transaction(key, (tx) => {
    if (tx.identity({ deviceId: key.deviceId }) === undefined)
      throw new HubError("DeviceNotFound", key.deviceId);
    const stored = tx.identity(key);
    if (!updates(stored, key, precondition, context)) {
      return {
        created: true,
        ...identityResource(context, tx, addModule({ context, tx }, key, input)),
      };
    }
    if (stored?.moduleId === undefined) throw notFound(key);
    return {
      created: false,
      ...identityResource(context, tx, changeModule({ context, tx }, stored, input)),
    };
  });
}

/** True if the PUT is an update. Refuses what is neither a possible create nor a possible update. */
function updates(
  stored: Identity | undefined,
  key: IdentityKey,
  precondition: Precondition,
  context: HubContext,
): boolean {
  const etag = stored === undefined ? undefined : identityEtag(stored.etagNumber);
  const update = meansExisting(precondition, etag);
  if (etag === undefined) {
    if (update) throw notFound(key);
    return false;
  }
  if (!update) throw alreadyExists(key, context);
  if (!satisfies(precondition, etag)) throw etagDiffers(etag);
  return true;
}

export function notFound(key: IdentityKey): HubError {
  if (key.moduleId === undefined) return new HubError("DeviceNotFound", key.deviceId);
  return new HubError("ModuleNotFound", `Device ${key.deviceId} has no module ${key.moduleId}`);
}

export function alreadyExists(key: IdentityKey, context: HubContext): HubError {
  if (key.moduleId === undefined) {
    return new HubError(
      "DeviceAlreadyExists",
      `A device with ID '${key.deviceId}' is already registered.`,
    );
  }
  return new HubError(
    "ModuleAlreadyExistsOnDevice",
    `Device ${key.deviceId} in IotHub ${context.hubName} already contains Module ${key.moduleId}.`,
  );
}

export function etagDiffers(etag: string): HubError {
  return new HubError(
    "PreconditionFailed",
    `The identity's etag is ${etag}, not the one given in If-Match`,
  );
}
