import { HubError } from "../../domain/errors.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { HubTx } from "../ports.ts";
import type { IdentityPrincipal } from "../principal.ts";

/** The caller's twin. An identity that was deleted, re-created or not, is not the caller any more. */
export function ownTwin(tx: HubTx, principal: IdentityPrincipal): Twin {
  const { key } = principal;
  const twin = tx.twin(key);
  if (twin !== undefined && tx.identity(key)?.generationId === principal.generationId) return twin;
  if (key.moduleId === undefined) throw new HubError("DeviceNotFound", key.deviceId);
  throw new HubError("ModuleNotFound", `Device ${key.deviceId} has no module ${key.moduleId}`);
}
