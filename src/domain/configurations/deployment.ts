import { type Json, type JsonObject, isObject } from "../json.ts";
import type { Twin } from "../twin/twin.ts";
import { type Placed, withValue } from "./content.ts";

/** An edge deployment that matches a device. */
export interface Deployment {
  readonly id: string;
  readonly modules: ReadonlyMap<string, readonly Placed[]>;
}

/** What a module's desired properties shall be: all of them, or values at some places. */
export type ModuleContent =
  | { readonly kind: "all"; readonly desired: JsonObject }
  | { readonly kind: "some"; readonly placed: readonly Placed[] };

export interface DeviceDeployment {
  readonly modules: ReadonlyMap<string, ModuleContent>;
  readonly statuses: Twin["configurations"];
}

/**
 * What deployments make of an edge device (spec/semantics §13.4). `matching` are in the order of their precedence: the
 * first standard one is the base, layered ones before it are laid over it, the lower precedence first; others are only
 * targeted. `null` without a base.
 */
export function mergeDeployments(matching: readonly Deployment[]): DeviceDeployment {
  const base = matching.findIndex((deployment) => !isLayered(deployment));
  const applied = base < 0 ? [] : matching.slice(0, base + 1).toReversed();
  const modules = new Map<string, ModuleContent>();
  for (const deployment of applied) {
    for (const [moduleId, placed] of deployment.modules)
      modules.set(moduleId, placed.reduce(withPlaced, modules.get(moduleId) ?? nothing));
  }
  const ids = new Set(applied.map(({ id }) => id));
  const statuses = Object.fromEntries(
    matching.map(({ id }) => [id, { status: ids.has(id) ? "Applied" : "Targeted" } as const]),
  );
  return { modules, statuses };
}

const nothing: ModuleContent = { kind: "some", placed: [] };

/** A layered deployment says nothing of a whole: only places below `properties.desired`. */
function isLayered({ modules }: Deployment): boolean {
  return [...modules.values()].every((placed) => placed.every(({ path }) => path.length > 0));
}

function withPlaced(content: ModuleContent, placed: Placed): ModuleContent {
  const { path, value } = placed;
  if (path.length === 0 && isObject(value)) return { kind: "all", desired: value };
  if (content.kind === "some") return { kind: "some", placed: [...content.placed, placed] };
  return { kind: "all", desired: withValue(content.desired, path, value) };
}

/** The desired properties of a module with its content. */
export function desiredWith(current: JsonObject, content: ModuleContent): JsonObject {
  switch (content.kind) {
    case "all":
      return withoutNulls(content.desired);
    case "some":
      return withoutNulls(
        content.placed.reduce(
          (desired, { path, value }) => withValue(desired, path, value),
          current,
        ),
      );
  }
}

/** The ids of the modules that `$edgeAgent` shall run, system modules not counted. */
export function modulesToRun(agent: JsonObject): readonly string[] {
  const modules = agent["modules"];
  return isObject(modules) ? Object.keys(modules) : [];
}

/** `null` removes a property. */
function withoutNulls(object: JsonObject): JsonObject {
  const entries = Object.entries(object).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, inner(value)]));
}

function inner(value: Json): Json {
  return isObject(value) ? withoutNulls(value) : value;
}
