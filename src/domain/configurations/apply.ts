import { type Json, type JsonObject, hasMembers, isObject } from "../json.ts";
import { own } from "../twin/members.ts";
import type { Twin } from "../twin/twin.ts";
import { withValue } from "./content.ts";
import { isSame } from "./same.ts";

/** A setting: the text of its path, which no key's own dots can confuse, and the configuration that it comes from. */
export interface Setting {
  readonly configurationId: string;
  readonly value: Json;
}

/** What configurations have written into a twin's desired properties, by path, for example `a.b`. */
export type AppliedSettings = ReadonlyMap<string, Setting>;

/** A configuration that matches a twin. */
export interface MatchingConfiguration {
  readonly id: string;
  /** The content's leaves by path. */
  readonly settings: ReadonlyMap<string, Json>;
}

export interface Application {
  /** For the desired properties; without members if the twin is as it should be. */
  readonly patch: JsonObject;
  readonly applied: AppliedSettings;
  readonly statuses: Twin["configurations"];
}

/** The leaves of a patch by path: arrays, empty objects and `null` are leaves. */
export function settingsOf(patch: JsonObject): ReadonlyMap<string, Json> {
  const settings = new Map<string, Json>();
  const walk = (object: JsonObject, prefix: string): void => {
    for (const [key, value] of Object.entries(object)) {
      const path = prefix === "" ? key : `${prefix}.${key}`;
      if (isObject(value) && hasMembers(value)) walk(value, path);
      else settings.set(path, value);
    }
  };
  walk(patch, "");
  return settings;
}

/**
 * What configurations make of a twin (spec/semantics §13.2): for each path the first of `matching`, which are in the
 * order of their precedence, wins; settings that nobody wants any more are withdrawn, and nothing is restored. A path
 * that lies above or below one of a configuration of higher precedence gives way to it.
 */
export function applyConfigurations(
  desired: JsonObject,
  previous: AppliedSettings,
  matching: readonly MatchingConfiguration[],
): Application {
  const { owned, above } = ownersOf(matching);
  let patch: JsonObject = {};
  for (const [path, setting] of owned) {
    const before = previous.get(path);
    const unchanged =
      before?.configurationId === setting.configurationId && isSame(before.value, setting.value);
    const isThere = isSatisfied(valueAt(desired, path), setting.value);
    if (!isThere || (!unchanged && setting.value !== null && !isEmpty(setting.value)))
      patch = withValue(patch, path.split("."), setting.value);
  }
  for (const [path, { value }] of previous) {
    if (owned.has(path) || above.has(path) || value === null) continue;
    // Whatever was there is replaced, but for an empty object: a merge leaves its members.
    if (prefixesOf(path).some((prefix) => replaces(owned.get(prefix)))) continue;
    if (valueAt(desired, path) !== undefined) patch = withValue(patch, path.split("."), null);
  }
  const applying = new Set([...owned.values()].map(({ configurationId }) => configurationId));
  const statuses = Object.fromEntries(
    matching.map(({ id }) => [id, { status: applying.has(id) ? "Applied" : "Targeted" } as const]),
  );
  return { patch, applied: owned, statuses };
}

function ownersOf(matching: readonly MatchingConfiguration[]): {
  readonly owned: AppliedSettings;
  /** Every path that has an owned one below it. */
  readonly above: ReadonlySet<string>;
} {
  const owned = new Map<string, Setting>();
  const above = new Set<string>();
  for (const { id, settings } of matching) {
    for (const [path, value] of settings) {
      const prefixes = prefixesOf(path);
      if (owned.has(path) || above.has(path) || prefixes.some((prefix) => owned.has(prefix)))
        continue;
      owned.set(path, { configurationId: id, value });
      for (const prefix of prefixes) above.add(prefix);
    }
  }
  return { owned, above };
}

/** `a.b.c` → `a`, `a.b`. */
function prefixesOf(path: string): readonly string[] {
  const segments = path.split(".");
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("."));
}

function valueAt(desired: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = desired;
  for (const key of path.split(".")) value = isObject(value) ? own(value, key) : undefined;
  return value;
}

/** `null` wants nothing to be there, and an empty object any object: a merge could not empty it. */
function isSatisfied(found: Json | undefined, wanted: Json): boolean {
  if (wanted === null) return found === undefined;
  if (isEmpty(wanted)) return isObject(found);
  return found !== undefined && isSame(found, wanted);
}

function replaces(setting: Setting | undefined): boolean {
  return setting !== undefined && !isEmpty(setting.value);
}

function isEmpty(value: Json): boolean {
  return isObject(value) && !hasMembers(value);
}
