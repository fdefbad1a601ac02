import { HubError } from "../errors.ts";
import type { Device } from "./identity.ts";
import type { DeviceInput } from "./inputs.ts";

/** Longest scope that is stored, in characters: room for two ids and the scheme. */
export const maxScopeLength = 300;

const scheme = "ms-azure-iot-edge://";

type ScopeOwner = Pick<Device, "deviceId" | "generationId" | "iotEdge">;

/** The scope that an edge device spans: automatic and immutable (spec/semantics §2.8). */
export function edgeScope(device: Pick<Device, "deviceId" | "generationId">): string {
  return `${scheme}${device.deviceId}-${device.generationId}`;
}

/**
 * The scopes of a device after a write. An edge device has its own scope and names a parent in `parentScopes`;
 * a leaf names its parent in `deviceScope`, and `""` there removes it. What is left out stays as `stored` has it.
 *
 * `findDevice` answers for the parent, which must be another edge device: InvalidDeviceScope otherwise;
 * `undefined` accepts any parent, as bulk operations do. A parent that does not change is not asked about, so that
 * a device whose parent is gone can still be written.
 */
export function resolveScopes(
  device: ScopeOwner,
  input: DeviceInput,
  stored: Device | undefined,
  findDevice: ((deviceId: string) => Device | undefined) | undefined,
): Pick<Device, "deviceScope" | "parentScopes"> {
  const before = stored?.parentScopes[0] ?? null;
  const parent = requestedParent(device, input, stored) ?? null;
  if (parent !== null && parent !== before) checkParent(device, parent, findDevice);
  return {
    deviceScope: device.iotEdge ? edgeScope(device) : parent,
    parentScopes: parent === null ? [] : [parent],
  };
}

function requestedParent(
  device: ScopeOwner,
  { deviceScope, parentScopes }: DeviceInput,
  stored: Device | undefined,
): string | null | undefined {
  // What a device had as its own scope while it was an edge device names no parent when it is sent back.
  const stale = stored?.iotEdge === true && deviceScope === stored.deviceScope;
  if (!device.iotEdge && deviceScope != null && !stale) return deviceScope || null;
  if (parentScopes == null) return stored?.parentScopes[0];
  if (parentScopes.length > 1) {
    throw new HubError("InvalidDeviceScope", "parentScopes may name one parent at most");
  }
  return parentScopes[0] || null;
}

function checkParent(
  device: ScopeOwner,
  parent: string,
  findDevice: ((deviceId: string) => Device | undefined) | undefined,
): void {
  if (parent.length > maxScopeLength) {
    throw new HubError(
      "InvalidDeviceScope",
      `A device scope may have ${maxScopeLength} characters at most`,
    );
  }
  if (findDevice === undefined) return;
  const parentId = edgeDeviceOf(parent);
  const found = parentId === undefined ? undefined : findDevice(parentId);
  if (found?.iotEdge === true && found.deviceId !== device.deviceId) {
    if (edgeScope(found) === parent) return;
  }
  throw new HubError(
    "InvalidDeviceScope",
    `'${parent.replaceAll(";", " ")}' is not the scope of another edge device`,
  );
}

/** The device id in `ms-azure-iot-edge://{deviceId}-{generationId}`; an id may itself hold hyphens. */
function edgeDeviceOf(scope: string): string | undefined {
  const hyphen = scope.lastIndexOf("-");
  if (!scope.startsWith(scheme) || hyphen <= scheme.length) return undefined;
  return scope.slice(scheme.length, hyphen);
}
