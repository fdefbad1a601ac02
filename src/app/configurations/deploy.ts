import {
  type ModuleContent,
  desiredWith,
  mergeDeployments,
  modulesToRun,
} from "../../domain/configurations/deployment.ts";
import { isSame } from "../../domain/configurations/same.ts";
import { HubError } from "../../domain/errors.ts";
import { isModule } from "../../domain/identity/identity.ts";
import { type IdentityKey, isId, isSystemModule } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { replaceTwin } from "../../domain/twin/replace.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { HubContext } from "../context.ts";
import { addModule, removeIdentity } from "../identities/write-identity.ts";
import type { HubTx } from "../ports.ts";
import { findTwin } from "../twins/find-twin.ts";
import { saveTwinWrite } from "../twins/save-twin-write.ts";
import type { ActiveConfigurations } from "./active-configurations.ts";
import type { Written } from "./evaluate-twin.ts";
import { setStatuses } from "./set-statuses.ts";

const agent = "$edgeAgent";

/**
 * Brings the deployments that match a device onto it; gives back their statuses, which its `$edgeAgent` shows too
 * (spec/semantics §13.4). A device that no deployment matches any more keeps the last content.
 */
export function deployTo(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  row: JsonObject,
  active: ActiveConfigurations,
  written: Written,
): Twin["configurations"] {
  const matching = active.edge.filter(({ matches }) => matches(row));
  const { modules, statuses } = mergeDeployments(matching);
  const agentKey = { deviceId: key.deviceId, moduleId: agent };
  if (modules.size > 0) putModules(context, tx, key.deviceId, modules, written);
  const shown = tx.twin(agentKey);
  if (shown !== undefined) {
    const others = Object.entries(shown.configurations).filter(
      ([id]) => active.kinds.get(id) === "module",
    );
    setStatuses(tx, agentKey, { ...Object.fromEntries(others), ...statuses });
  }
  return statuses;
}

/**
 * Writes the content of modules: makes those that `$edgeAgent` shall run and that are missing, removes those that it
 * shall not run any more and that are managed by it, and sets their desired properties.
 */
export function putModules(
  context: HubContext,
  tx: HubTx,
  deviceId: string,
  contents: ReadonlyMap<string, ModuleContent>,
  written: Written,
): void {
  const writes = [...contents].map(([moduleId, content]) => {
    const key = { deviceId, moduleId };
    const current = tx.twin(key)?.desired.value ?? {};
    return { key, current, desired: desiredWith(current, content), whole: content.kind === "all" };
  });
  const listed = writes.find(({ key }) => key.moduleId === agent);
  const wanted = new Set([
    ...(listed === undefined ? [] : modulesToRun(listed.desired)),
    ...contents.keys(),
  ]);
  for (const moduleId of wanted) {
    if (tx.identity({ deviceId, moduleId }) !== undefined) continue;
    if (!isId(moduleId) || isSystemModule(moduleId)) throw notEdge(deviceId, moduleId);
    const input = { managedBy: "iotEdge", authentication: { type: "none" } };
    addModule({ context, tx }, { deviceId, moduleId }, input);
  }
  if (listed?.whole === true) removeUnlisted(tx, deviceId, wanted);
  for (const { key, current, desired } of writes) {
    if (isSame(current, desired)) continue;
    const write = replaceTwin(findTwin(tx, key).twin, { desired }, tx.now);
    saveTwinWrite(tx, key, write);
    written(key, write.twin.version);
  }
}

function removeUnlisted(tx: HubTx, deviceId: string, wanted: ReadonlySet<string>): void {
  for (const module of tx.modulesOf(deviceId)) {
    if (!isModule(module) || isSystemModule(module.moduleId)) continue;
    if (module.managedBy === "iotEdge" && !wanted.has(module.moduleId)) removeIdentity(tx, module);
  }
}

function notEdge(deviceId: string, moduleId: string): HubError {
  const shown = moduleId.slice(0, 128).replaceAll(";", " ");
  return new HubError(
    "InvalidConfigurationContent",
    `Module '${shown}' cannot be made on device ${deviceId}: is it an edge device, and is that a module id?`,
  );
}
