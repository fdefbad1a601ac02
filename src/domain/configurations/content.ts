import { HubError } from "../errors.ts";
import { isId, isSystemModule } from "../identity/key.ts";
import {
  type Json,
  type JsonObject,
  type MutableJsonObject,
  emptyObject,
  isObject,
} from "../json.ts";
import { applyServicePatch } from "../twin/apply-desired.ts";
import { newTwin } from "../twin/twin.ts";
import { type ConfigurationKind, maxDeploymentModules } from "./configuration.ts";

/** A value for a place below the desired properties; no segments mean all of them. */
export interface Placed {
  readonly path: readonly string[];
  readonly value: Json;
}

export type Content =
  /** For each target's desired properties. */
  | { readonly kind: "device" | "module"; readonly patch: JsonObject }
  /** By module id. */
  | { readonly kind: "edge"; readonly modules: ReadonlyMap<string, readonly Placed[]> };

const members: Record<string, ConfigurationKind> = {
  deviceContent: "device",
  moduleContent: "module",
  modulesContent: "edge",
};

/** Reads a configuration's content (spec/semantics §13.1). Throws InvalidConfigurationContent. */
export function readContent(content: Json | undefined): Content {
  if (!isObject(content)) throw invalid("The content must be an object");
  const given = Object.entries(members).filter(([name]) => (content[name] ?? null) !== null);
  const [first] = given;
  if (first === undefined || given.length > 1) {
    throw invalid("The content has exactly one of deviceContent, moduleContent and modulesContent");
  }
  const [name, kind] = first;
  const value = content[name];
  if (!isObject(value)) throw invalid(`${name} must be an object`);
  if (kind === "edge") return { kind, modules: readModules(value) };
  return { kind, patch: patchOf(readPlaced(name, value)) };
}

function readModules(content: JsonObject): ReadonlyMap<string, readonly Placed[]> {
  const modules = new Map<string, readonly Placed[]>();
  for (const [moduleId, value] of Object.entries(content)) {
    if (!isId(moduleId)) throw invalid("A name in modulesContent is no module id");
    if (!isObject(value)) throw invalid(`The content of module ${moduleId} must be an object`);
    modules.set(moduleId, readPlaced(moduleId, value));
  }
  const own = [...modules.keys()].filter((moduleId) => !isSystemModule(moduleId));
  if (own.length > maxDeploymentModules) {
    throw invalid(`A deployment has ${maxDeploymentModules} modules at most, not ${own.length}`);
  }
  return modules;
}

const root = "properties.desired";

/** `{"properties.desired.a.b": value, …}`. */
function readPlaced(what: string, content: JsonObject): readonly Placed[] {
  const placed = Object.entries(content).map(([key, value]): Placed => {
    if (key === root) {
      if (!isObject(value)) throw invalid(`${root} of ${what} must be an object`);
      return { path: [], value };
    }
    const path = key.startsWith(`${root}.`) ? key.slice(root.length + 1).split(".") : [""];
    if (path.includes("")) {
      const shown = key.slice(0, 64).replaceAll(";", " ");
      throw invalid(`'${shown}' of ${what} is not ${root} or a path below it`);
    }
    return { path, value };
  });
  placed.sort((a, b) => a.path.length - b.path.length);
  check(patchOf(placed));
  return placed;
}

/** Refuses what no twin could hold. */
function check(patch: JsonObject): void {
  try {
    applyServicePatch(newTwin(0), { desired: patch }, 0);
  } catch (error) {
    if (error instanceof HubError) throw invalid(error.message);
    throw error;
  }
}

/** All values in one object, deeper paths over shallower ones. */
export function patchOf(placed: readonly Placed[]): JsonObject {
  return placed.reduce<JsonObject>((object, { path, value }) => withValue(object, path, value), {});
}

/** A copy of `object` with the value at that path; objects on the way are made where they are missing. */
export function withValue(object: JsonObject, path: readonly string[], value: Json): JsonObject {
  const [key, ...rest] = path;
  const copy: MutableJsonObject = Object.assign(emptyObject(), object);
  if (key === undefined) return isObject(value) ? Object.assign(copy, value) : object;
  const inner = Object.hasOwn(object, key) ? object[key] : undefined;
  copy[key] = rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value);
  return copy;
}

function invalid(message: string): HubError {
  return new HubError("InvalidConfigurationContent", message);
}
