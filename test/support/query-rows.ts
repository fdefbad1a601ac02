import type { Device, Identity, Module, Presence } from "../../src/domain/identity/identity.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { never } from "../../src/domain/time.ts";
import { applyServicePatch } from "../../src/domain/twin/apply-desired.ts";
import { applyReported } from "../../src/domain/twin/apply-reported.ts";
import { newTwin, type Twin } from "../../src/domain/twin/twin.ts";
import { serviceView } from "../../src/domain/twin/view.ts";

/** When the twins of the query cases were made and written. */
export const writtenAt = Date.UTC(2024, 4, 1, 10);

/** An identity with its twin, as a store holds them. */
export interface StoredTwin {
  readonly identity: Identity;
  readonly device: Device;
  readonly twin: Twin;
  readonly presence?: Presence | undefined;
}

export interface TwinContent {
  readonly tags?: JsonObject;
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

export function aDevice(deviceId: string, changes: Partial<Device> = {}): Device {
  return {
    deviceId,
    generationId: "1",
    etagNumber: 1,
    authentication: { type: "sas", primaryKey: "a", secondaryKey: "b" },
    status: "enabled",
    statusReason: null,
    statusUpdatedTime: never,
    iotEdge: false,
    deviceScope: null,
    parentScopes: [],
    ...changes,
  };
}

export function aModule(deviceId: string, moduleId: string): Module {
  return {
    deviceId,
    moduleId,
    generationId: "2",
    etagNumber: 2,
    authentication: { type: "sas", primaryKey: "c", secondaryKey: "d" },
    managedBy: null,
  };
}

export function aTwin({ tags, desired, reported }: TwinContent): Twin {
  let twin = newTwin(writtenAt);
  if (tags !== undefined || desired !== undefined) {
    twin = applyServicePatch(twin, { tags, desired }, writtenAt).twin;
  }
  return reported === undefined ? twin : applyReported(twin, reported, writtenAt).twin;
}

export function stored(identity: Identity, device: Device, content: TwinContent = {}): StoredTwin {
  return { identity, device, twin: aTwin(content) };
}

/** The row of a query: the service's view. */
export function rowOf({ identity, device, twin, presence }: StoredTwin): JsonObject {
  return serviceView({ identity, device, twin, presence, queued: 0 });
}

const d1 = aDevice("d1");
const d2 = aDevice("d2");
const d3 = aDevice("d3", { status: "disabled" });
export const edgeScope = "ms-azure-iot-edge://e1-1";
const e1 = aDevice("e1", { iotEdge: true, deviceScope: edgeScope });

/** The data of spec/semantics §20.4, in key order. */
export const caseDevices: readonly StoredTwin[] = [
  stored(d1, d1, {
    tags: { location: { region: "US", plant: "P43" }, n: 5, group: "g1" },
    reported: { status: "ok", temp: 21.5 },
  }),
  stored(d2, d2, {
    tags: { location: { region: "EU" }, n: "5" },
    reported: { status: "error", temp: 30 },
  }),
  stored(d3, d3),
  stored(e1, e1),
];

export const caseModules: readonly StoredTwin[] = [
  stored(aModule("d1", "m1"), d1, { tags: { role: "cam" } }),
  stored(aModule("d1", "m2"), d1),
  stored(aModule("d2", "m1"), d2),
  stored(aModule("e1", "$edgeAgent"), e1),
  stored(aModule("e1", "$edgeHub"), e1),
];
