import type { Dialect } from "../query/ast.ts";
import { parseCondition } from "../query/parse.ts";
import type { Configuration } from "./configuration.ts";

/**
 * The texts of a configuration's system metrics: complete queries, which tools send back as they are
 * (spec/semantics §13.3).
 */
export function systemMetrics(
  { id, kind, targetCondition }: Pick<Configuration, "id" | "kind" | "targetCondition">,
  dialect: Dialect,
): Readonly<Record<string, string>> {
  const condition = targetCondition.trim();
  const applied = `configurations.[[${id}]].status = 'Applied'`;
  switch (kind) {
    case "device":
      return {
        targetedCount: condition === "" ? "" : `select deviceId from devices${where(condition)}`,
        appliedCount: `select deviceId from devices where ${applied}`,
      };
    case "module":
      return {
        targetedCount: condition === "" ? "" : `select deviceId ${condition}`,
        appliedCount: `select deviceId from devices.modules where ${applied}`,
      };
    case "edge": {
      const agents = "select deviceId from devices.modules where moduleId = '$edgeAgent' and";
      const current = "properties.desired.$version = properties.reported.lastDesiredVersion";
      const code = "properties.reported.lastDesiredStatus.code";
      return {
        targetedCount: condition === "" ? "" : edgeTargets(condition, dialect),
        appliedCount: `${agents} ${applied}`,
        reportedSuccessfulCount: `${agents} ${applied} and ${current} and ${code} = 200`,
        reportedFailedCount: `${agents} ${applied} and ${current} and ${code} != 200`,
      };
    }
  }
}

function where(condition: string): string {
  return condition === "*" ? "" : ` where ${condition}`;
}

function edgeTargets(condition: string, dialect: Dialect): string {
  const edges = "select deviceId from devices where capabilities.iotEdge = true";
  if (condition === "*") return edges;
  // AND binds stronger than OR.
  const isOr = parseCondition(condition, { dialect }).kind === "or";
  return `${edges} and ${isOr ? `(${condition})` : condition}`;
}
