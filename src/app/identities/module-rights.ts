import type { IdentityKey } from "../../domain/identity/key.ts";
import { type Principal, demand } from "../principal.ts";

/** Registry rights, or the device's own credential for its own modules (spec/semantics §3). */
export function demandModuleWrite(principal: Principal, key: IdentityKey): void {
  if (!isOwnDevice(principal, key)) demand(principal, "RegistryWrite");
}

export function demandModuleRead(principal: Principal, key: IdentityKey): void {
  if (!isOwnDevice(principal, key)) demand(principal, "RegistryRead");
}

function isOwnDevice(principal: Principal, key: IdentityKey): boolean {
  return (
    principal.kind === "identity" &&
    principal.key.moduleId === undefined &&
    principal.key.deviceId === key.deviceId
  );
}
