import { settingsOf } from "../../domain/configurations/apply.ts";
import {
  type Configuration,
  type ConfigurationKind,
  byPrecedence,
  targetOf,
} from "../../domain/configurations/configuration.ts";
import { type Placed, readContent } from "../../domain/configurations/content.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { Dialect, Target } from "../../domain/query/ast.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";

interface Active {
  readonly id: string;
  readonly target: Target;
  readonly matches: (row: JsonObject, device?: JsonObject) => boolean;
}

export interface ActiveConfiguration extends Active {
  readonly settings: ReadonlyMap<string, Json>;
}

export interface ActiveDeployment extends Active {
  readonly modules: ReadonlyMap<string, readonly Placed[]>;
}

/** All configurations of a hub, compiled, in the order of their precedence. */
export interface ActiveConfigurations {
  readonly device: readonly ActiveConfiguration[];
  readonly module: readonly ActiveConfiguration[];
  readonly edge: readonly ActiveDeployment[];
  readonly kinds: ReadonlyMap<string, ConfigurationKind>;
  /** A module configuration asks for the device of a module. */
  readonly moduleUsesDevice: boolean;
}

export const noConfigurations: ActiveConfigurations = {
  device: [],
  module: [],
  edge: [],
  kinds: new Map(),
  moduleUsesDevice: false,
};

export function compileConfigurations(
  configurations: readonly Configuration[],
  dialect: Dialect,
): ActiveConfigurations {
  const device: ActiveConfiguration[] = [];
  const module: ActiveConfiguration[] = [];
  const edge: ActiveDeployment[] = [];
  for (const configuration of configurations.toSorted(byPrecedence)) {
    const active = compile(configuration, dialect);
    const content = readContent(configuration.content);
    if (content.kind === "edge") edge.push({ ...active, modules: content.modules });
    else {
      const list = content.kind === "device" ? device : module;
      list.push({ ...active, settings: settingsOf(content.patch) });
    }
  }
  return {
    device,
    module,
    edge,
    kinds: new Map(configurations.map(({ id, kind }) => [id, kind])),
    moduleUsesDevice: module.some(({ target }) => target.kind === "twins" && target.usesDevice),
  };
}

function compile(configuration: Configuration, dialect: Dialect): Active {
  const target = targetOf(configuration, dialect);
  const { id } = configuration;
  if (target.kind === "none") return { id, target, matches: () => false };
  const passes = target.where === null ? () => true : compileCondition(target.where);
  if (configuration.kind !== "edge") return { id, target, matches: passes };
  return { id, target, matches: (row) => isEdge(row) && passes(row) };
}

function isEdge(row: JsonObject): boolean {
  const capabilities = row["capabilities"] as { readonly iotEdge?: boolean } | undefined;
  return capabilities?.iotEdge === true;
}
