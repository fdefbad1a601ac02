import { applyConfigurations } from "../../domain/configurations/apply.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { type JsonObject, hasMembers } from "../../domain/json.ts";
import { applyServicePatch } from "../../domain/twin/apply-desired.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { serviceView } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import { queuedMessages } from "../messages/device-queue.ts";
import type { HubTx } from "../ports.ts";
import { findTwin } from "../twins/find-twin.ts";
import { saveTwinWrite } from "../twins/save-twin-write.ts";
import type { ActiveConfigurations } from "./active-configurations.ts";
import { deployTo } from "./deploy.ts";
import { setStatuses } from "./set-statuses.ts";
import { putSettings, readSettings } from "./stored-configurations.ts";

/** Twins that were written, with their new version. */
export type Written = (key: IdentityKey, version: number) => void;

/**
 * Makes a twin what the configurations that match it want: one desired patch at the most, and their statuses
 * (spec/semantics §13.2). An identity that is gone is left out. Throws a HubError if there is no room for the settings.
 */
export function evaluateTwin(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  active: ActiveConfigurations,
  written: Written,
): void {
  const found = matchingOf(context, tx, key, active);
  if (found === null) return;
  const { row, matching, kept } = found;
  const deployed =
    key.moduleId === undefined ? deployTo(context, tx, key, row, active, written) : kept;
  const { twin } = findTwin(tx, key);
  const previous = readSettings(tx, key);
  const { patch, applied, statuses } = applyConfigurations(twin.desired.value, previous, matching);
  const write = applyServicePatch(twin, { desired: patch }, tx.now);
  saveTwinWrite(tx, key, write);
  if (write.changes !== null) written(key, write.twin.version);
  if (applied.size > 0 || previous.size > 0) putSettings(tx, key, applied);
  setStatuses(tx, key, { ...statuses, ...deployed });
}

/** Leaves a twin that cannot take its settings as it is, and shows which configurations wanted to. */
export function markTargeted(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  active: ActiveConfigurations,
): void {
  const found = matchingOf(context, tx, key, active);
  if (found === null) return;
  const deployments =
    key.moduleId === undefined ? active.edge.filter(({ matches }) => matches(found.row)) : [];
  const targeted = [...found.matching, ...deployments].map(
    ({ id }) => [id, { status: "Targeted" } as const] as const,
  );
  setStatuses(tx, key, { ...Object.fromEntries(targeted), ...found.kept });
}

/** `null` for an identity that is gone, and for one that configurations have nothing to do with. */
function matchingOf(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  active: ActiveConfigurations,
) {
  if (tx.identity(key) === undefined) return null;
  const isDevice = key.moduleId === undefined;
  const list = isDevice ? active.device : active.module;
  const { configurations } = findTwin(tx, key).twin;
  const deploys = isDevice && active.edge.length > 0;
  if (list.length === 0 && !deploys && !hasMembers(configurations)) return null;
  const row = rowOf(context, tx, key);
  const needsDevice = !isDevice && active.moduleUsesDevice;
  const device = needsDevice ? rowOf(context, tx, { deviceId: key.deviceId }) : undefined;
  return {
    row,
    matching: list.filter(({ matches }) => matches(row, device)),
    kept: isDevice ? {} : deploymentStatuses(configurations, active),
  };
}

function rowOf(context: HubContext, tx: HubTx, key: IdentityKey): JsonObject {
  const presence = currentPresence(context, tx, key);
  return serviceView({ ...findTwin(tx, key), presence, queued: queuedMessages(tx, key) });
}

/** What deployments have set on a module is kept: the device's own turn looks after it. */
function deploymentStatuses(
  configurations: Twin["configurations"],
  { kinds }: ActiveConfigurations,
): Twin["configurations"] {
  return Object.fromEntries(
    Object.entries(configurations).filter(([id]) => kinds.get(id) === "edge"),
  );
}
