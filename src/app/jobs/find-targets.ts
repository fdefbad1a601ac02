import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Query, Target } from "../../domain/query/ast.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";
import type { HubContext } from "../context.ts";
import { sourceRows } from "../query/source-rows.ts";

/** The devices or modules that a target means, in ordinal order of (deviceId, moduleId), after `after`. */
export async function* findTargets(
  context: HubContext,
  { source, where, usesDevice }: Target & { kind: "twins" },
  after: IdentityKey | null,
): AsyncGenerator<IdentityKey> {
  const passes = where === null ? () => true : compileCondition(where);
  const query: Query = {
    text: "",
    explain: false,
    source,
    columns: null,
    top: null,
    where,
    groupBy: [],
    orderBy: [],
    usesDevice,
  };
  for await (const { row, device, key } of sourceRows(context, query, positionOf(after), 1000)) {
    const [deviceId, moduleId] = key;
    if (deviceId === undefined || !passes(row, device)) continue;
    yield moduleId === undefined ? { deviceId } : { deviceId, moduleId };
  }
}

function positionOf(after: IdentityKey | null): readonly string[] {
  if (after === null) return [];
  return after.moduleId === undefined ? [after.deviceId] : [after.deviceId, after.moduleId];
}
