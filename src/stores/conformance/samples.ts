import type { Device, Module } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import { newTwin, type Twin } from "../../domain/twin/twin.ts";

export function device(deviceId: string, status: Device["status"] = "enabled"): Device {
  return {
    deviceId,
    generationId: "638000000000000001",
    etagNumber: 1,
    authentication: { type: "sas", primaryKey: "cHJpbWFyeQ==", secondaryKey: "c2Vjb25kYXJ5" },
    status,
    statusReason: null,
    statusUpdatedTime: 1_700_000_000_000,
    iotEdge: false,
    deviceScope: null,
    parentScopes: [],
  };
}

export function module(deviceId: string, moduleId: string): Module {
  return {
    deviceId,
    moduleId,
    generationId: "638000000000000002",
    etagNumber: 7,
    authentication: { type: "selfSigned", primaryThumbprint: "AA00", secondaryThumbprint: null },
    managedBy: "operator",
  };
}

/** The twin after a report of `change`, which replaces the members that it names. */
export function reported(twin: Twin, change: JsonObject): Twin {
  const { value, metadata, version } = twin.reported;
  return {
    ...twin,
    version: twin.version + 1,
    reported: { value: { ...value, ...change }, metadata, version: version + 1 },
  };
}

/** A twin with values in all its parts. */
export function fullTwin(): Twin {
  return {
    ...newTwin(1_700_000_000_000),
    tags: { site: "Köln", "": "empty", deep: { list: [1, 2.5, -0.125, true, null, "x"] } },
    desired: {
      value: { interval: 10 },
      metadata: { t: 5, v: 3, k: { interval: { t: 5, v: 3 } } },
      version: 3,
    },
    etagCounter: 3,
    version: 4,
    modelId: "dtmi:com:example:Pump;1",
    configurations: { "config-1": { status: "Applied" } },
  };
}

export function message(
  key: IdentityKey,
  text: string,
  enqueuedTime: number = 1_700_000_000_000,
): EventMessage {
  return {
    key,
    body: new TextEncoder().encode(text),
    system: { messageId: `m-${text}`, contentType: "application/json" },
    application: [
      ["level", "high"],
      ["flag", null],
    ],
    source: "Telemetry",
    enqueuedTime,
    generationId: "638000000000000001",
    authMethod: '{"scope":"device","type":"sas","issuer":"iothub"}',
    modelId: "",
  };
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
