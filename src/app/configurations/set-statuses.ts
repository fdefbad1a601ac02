import { isSame } from "../../domain/configurations/same.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { HubTx } from "../ports.ts";

/** Writes the statuses of configurations into a twin; they are no property, and raise no version. */
export function setStatuses(
  tx: HubTx,
  key: IdentityKey,
  configurations: Twin["configurations"],
): void {
  const twin = tx.twin(key);
  if (twin === undefined || isSame(twin.configurations, configurations)) return;
  tx.putTwin(key, { ...twin, configurations });
}
