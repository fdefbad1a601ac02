import type { JsonObject } from "../json.ts";
import { never, timeText } from "../time.ts";
import { authenticationView, resolveAuthentication } from "./authentication.ts";
import { type Made, connectionState } from "./device.ts";
import { identityEtag } from "./etag.ts";
import type { Module, Presence } from "./identity.ts";
import type { ModuleInput } from "./inputs.ts";
import {
  type ModuleKey,
  type systemModules,
  checkKey,
  checkSameId,
  isSystemModule,
} from "./key.ts";

/** At most this many modules of a device count (spec/semantics §2.5). */
export const maxModulesPerDevice = 50;

/** System modules do not count towards `maxModulesPerDevice` (spec/semantics §19 Q13). */
export function countsAsModule(module: Pick<Module, "moduleId">): boolean {
  return !isSystemModule(module.moduleId);
}

/** A new module, with generated keys unless `input` says otherwise. Throws ArgumentInvalid. */
export function createModule(key: ModuleKey, input: ModuleInput, made: Made): Module {
  checkKey(key);
  checkBody(key, input);
  return {
    deviceId: key.deviceId,
    moduleId: key.moduleId,
    generationId: made.generationId,
    etagNumber: made.etagNumber,
    authentication: resolveAuthentication(input.authentication, undefined, made.newKey),
    managedBy: input.managedBy || null,
  };
}

/** `stored` after an update: what `input` leaves out stays, `managedBy: null` or `""` clears it. Throws ArgumentInvalid. */
export function updateModule(stored: Module, input: ModuleInput, made: Made): Module {
  checkBody(stored, input);
  return {
    deviceId: stored.deviceId,
    moduleId: stored.moduleId,
    generationId: stored.generationId,
    etagNumber: made.etagNumber,
    authentication: resolveAuthentication(input.authentication, stored.authentication, made.newKey),
    managedBy: input.managedBy === undefined ? stored.managedBy : input.managedBy || null,
  };
}

/** A module that the hub itself makes for an edge device; it cannot connect on its own (spec/semantics §2.8). */
export function systemModule(
  deviceId: string,
  moduleId: (typeof systemModules)[number],
  made: Made,
): Module {
  return {
    deviceId,
    moduleId,
    generationId: made.generationId,
    etagNumber: made.etagNumber,
    authentication: { type: "none" },
    managedBy: "iotEdge",
  };
}

/** The service's document of a module: these members and no others (spec/semantics §2.5, spec/rest §8.1). */
export function moduleView(module: Module, presence: Presence | undefined): JsonObject {
  return {
    moduleId: module.moduleId,
    managedBy: module.managedBy,
    deviceId: module.deviceId,
    generationId: module.generationId,
    etag: identityEtag(module.etagNumber),
    connectionState: connectionState(presence),
    connectionStateUpdatedTime: timeText(presence?.stateUpdatedTime ?? never),
    lastActivityTime: timeText(presence?.lastActivityTime ?? never),
    // Modules have no queue of cloud-to-device messages.
    cloudToDeviceMessageCount: 0,
    authentication: authenticationView(module.authentication),
  };
}

function checkBody(key: ModuleKey, input: ModuleInput): void {
  checkSameId("deviceId", input.deviceId, key.deviceId);
  checkSameId("moduleId", input.moduleId, key.moduleId);
}
