import { HubError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Target } from "../query/ast.ts";
import { parseTarget } from "../query/parse.ts";
import type { Dialect } from "../query/ast.ts";
import type { Milliseconds } from "../time.ts";

/** Configurations of one hub (spec/semantics §13.1). */
export const maxConfigurations = 100;
/** Custom metrics of one configuration. */
export const maxCustomMetrics = 5;
/** Modules of one edge deployment, system modules not counted. */
export const maxDeploymentModules = 50;

/** `device` and `module` configurations write desired properties; `edge` is a deployment. */
export type ConfigurationKind = "device" | "module" | "edge";

/** An automatic configuration as its owner has given it. */
export interface Configuration {
  readonly id: string;
  readonly kind: ConfigurationKind;
  readonly schemaVersion: string;
  readonly contentType: string;
  readonly labels: JsonObject | null;
  /** As it came: exactly one member that is not null. Never changes. */
  readonly content: JsonObject;
  readonly targetCondition: string;
  readonly priority: number;
  /** Custom metrics: query texts by their names. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly createdTime: Milliseconds;
  readonly lastUpdatedTime: Milliseconds;
  /** Raised by every write; printed as the etag. */
  readonly etagNumber: number;
  /** Among equal priorities the one that was created last wins, even within a millisecond. */
  readonly creation: number;
}

/** How many targets a metric counts, as of the last run. */
export interface MetricResults {
  readonly system: Readonly<Record<string, number>>;
  readonly custom: Readonly<Record<string, number>>;
}

/** The higher priority first, then the one created last (spec/semantics §13.1). */
export function byPrecedence(
  a: Pick<Configuration, "priority" | "creation">,
  b: Pick<Configuration, "priority" | "creation">,
): number {
  return b.priority - a.priority || b.creation - a.creation;
}

/**
 * Whom a configuration addresses; `none` for an empty condition. Throws InvalidConfigurationTargetCondition, also when
 * the condition is over modules and the kind over devices, or the reverse.
 */
export function targetOf(
  { kind, targetCondition }: Pick<Configuration, "kind" | "targetCondition">,
  dialect: Dialect,
): Target {
  const target = parseTarget(targetCondition, { dialect });
  if (target.kind === "none") return target;
  const wanted = kind === "module" ? "devices.modules" : "devices";
  if (target.source !== wanted) throw wrongSource(wanted);
  return target;
}

function wrongSource(wanted: "devices" | "devices.modules"): HubError {
  return new HubError(
    "InvalidConfigurationTargetCondition",
    wanted === "devices"
      ? "The target condition is over devices.modules, but the content is for devices"
      : "The target condition of a module configuration begins with: from devices.modules where",
  );
}
