import { argumentInvalid } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { type Milliseconds, never, timeText } from "../time.ts";
import { authenticationView, resolveAuthentication } from "./authentication.ts";
import { identityEtag } from "./etag.ts";
import type { Device, Presence } from "./identity.ts";
import type { DeviceInput } from "./inputs.ts";
import { checkKey, checkSameId } from "./key.ts";
import { resolveScopes } from "./scopes.ts";

/** Longest `statusReason`, in UTF-16 code units. */
export const maxStatusReasonLength = 128;

/** What a write needs from outside: the time, and values that the hub makes. */
export interface Made {
  readonly now: Milliseconds;
  /** Of a new identity; an update keeps the one it has. */
  readonly generationId: string;
  /** The etag number after the write. */
  readonly etagNumber: number;
  /** Makes a symmetric key: Base64 of 32 random bytes. */
  readonly newKey: () => string;
}

export interface DeviceOptions {
  /** Accept any parent scope, as bulk operations do (spec/semantics §2.8). */
  readonly scopesUnchecked?: boolean;
}

/**
 * A new device (spec/semantics §2.2): enabled, with generated keys and no parent unless `input` says otherwise.
 * `findDevice` reads a device of the same hub, to check the parent. Throws ArgumentInvalid and InvalidDeviceScope.
 */
export function createDevice(
  deviceId: string,
  input: DeviceInput,
  made: Made,
  findDevice: (deviceId: string) => Device | undefined,
  options: DeviceOptions = {},
): Device {
  checkKey({ deviceId });
  checkSameId("deviceId", input.deviceId, deviceId);
  const { generationId, etagNumber } = made;
  const iotEdge = input.capabilities?.iotEdge ?? false;
  return {
    deviceId,
    generationId,
    etagNumber,
    authentication: resolveAuthentication(input.authentication, undefined, made.newKey),
    status: readStatus(input.status) ?? "enabled",
    statusReason: readStatusReason(input.statusReason),
    statusUpdatedTime: never,
    iotEdge,
    ...resolveScopes(
      { deviceId, generationId, iotEdge },
      input,
      undefined,
      options.scopesUnchecked === true ? undefined : findDevice,
    ),
  };
}

/**
 * `stored` after an update. What `input` leaves out stays; `statusReason: null` clears the reason. The status's time
 * changes only with the status. Throws ArgumentInvalid and InvalidDeviceScope.
 */
export function updateDevice(
  stored: Device,
  input: DeviceInput,
  made: Made,
  findDevice: (deviceId: string) => Device | undefined,
  options: DeviceOptions = {},
): Device {
  checkSameId("deviceId", input.deviceId, stored.deviceId);
  const { deviceId, generationId } = stored;
  const iotEdge = input.capabilities?.iotEdge ?? stored.iotEdge;
  const status = readStatus(input.status) ?? stored.status;
  return {
    deviceId,
    generationId,
    etagNumber: made.etagNumber,
    authentication: resolveAuthentication(input.authentication, stored.authentication, made.newKey),
    status,
    statusReason:
      input.statusReason === undefined ? stored.statusReason : readStatusReason(input.statusReason),
    statusUpdatedTime: status === stored.status ? stored.statusUpdatedTime : made.now,
    iotEdge,
    ...resolveScopes(
      { deviceId, generationId, iotEdge },
      input,
      stored,
      options.scopesUnchecked === true ? undefined : findDevice,
    ),
  };
}

/** The service's document of a device (spec/rest §8.1). `queued` counts its cloud-to-device messages. */
export function deviceView(
  device: Device,
  presence: Presence | undefined,
  queued: number,
): JsonObject {
  return {
    deviceId: device.deviceId,
    generationId: device.generationId,
    etag: identityEtag(device.etagNumber),
    connectionState: connectionState(presence),
    status: device.status,
    statusReason: device.statusReason,
    connectionStateUpdatedTime: timeText(presence?.stateUpdatedTime ?? never),
    statusUpdatedTime: timeText(device.statusUpdatedTime),
    lastActivityTime: timeText(presence?.lastActivityTime ?? never),
    cloudToDeviceMessageCount: queued,
    authentication: authenticationView(device.authentication),
    capabilities: { iotEdge: device.iotEdge },
    // A leaf without a parent has neither member, an edge device without one has an empty list.
    ...(device.deviceScope === null
      ? {}
      : { deviceScope: device.deviceScope, parentScopes: device.parentScopes }),
  };
}

/** With the capitals that clients match on. */
export function connectionState(presence: Presence | undefined): "Connected" | "Disconnected" {
  return presence?.connected === true ? "Connected" : "Disconnected";
}

/** In any case: the Java service SDK writes `Enabled`. */
function readStatus(status: string | null | undefined): Device["status"] | undefined {
  const lowerCase = status?.toLowerCase();
  switch (lowerCase) {
    case undefined:
      return undefined;
    case "enabled":
    case "disabled":
      return lowerCase;
    default:
      throw argumentInvalid("status must be enabled or disabled");
  }
}

function readStatusReason(reason: string | null | undefined): string | null {
  if (reason == null || reason.length <= maxStatusReasonLength) return reason ?? null;
  throw argumentInvalid(
    `statusReason may have ${maxStatusReasonLength} characters at most, but has ${reason.length}`,
  );
}
