import type { JsonObject } from "../../domain/json.ts";
import { applyReported } from "../../domain/twin/apply-reported.ts";
import type { HubContext } from "../context.ts";
import type { IdentityPrincipal } from "../principal.ts";
import { ownTwin } from "./own-twin.ts";
import { saveTwinWrite } from "./save-twin-write.ts";

/** A device or module reports properties; resolves with the new reported `$version`, after the commit. */
export function updateReported(
  context: HubContext,
  principal: IdentityPrincipal,
  patch: JsonObject,
  expectedVersion?: number,
): Promise<number> {
  const { key } = principal;
  return context.store.transaction(key, (tx) => {
    const write = applyReported(ownTwin(tx, principal), patch, tx.now, expectedVersion);
    saveTwinWrite(tx, key, write);
    return write.twin.reported.version;
  });
}
