import { type Json, type JsonObject, fromEntries, isObject, sameJson } from "./json.ts";

/** The smallest merge patch that turns `from` into `to`: removed members are `null` (RFC 7396, spec/semantics §4.5). */
export function diff(from: JsonObject, to: JsonObject): JsonObject {
  const entries: [string, Json][] = [];
  for (const [key, value] of Object.entries(to)) {
    const old = Object.hasOwn(from, key) ? from[key] : undefined;
    if (sameJson(old, value)) continue;
    if (isObject(old) && isObject(value)) entries.push([key, diff(old, value)]);
    else entries.push([key, value]);
  }
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) entries.push([key, null]);
  return fromEntries(entries);
}

/** What the hub makes of `target` with `patch`. */
export function applyPatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const old = merged.get(key);
    if (value === null) merged.delete(key);
    else if (isObject(value)) merged.set(key, applyPatch(isObject(old) ? old : {}, value));
    else merged.set(key, value);
  }
  return fromEntries(merged);
}

/** One leaf of a patch. `value` `undefined`: the member is removed. */
export interface Change {
  readonly path: readonly string[];
  readonly value: Json | undefined;
}

/** The leaves at which `from` and `to` differ, in the order of `to`. */
export function changes(
  from: JsonObject,
  to: JsonObject,
  path: readonly string[] = [],
): readonly Change[] {
  const found: Change[] = [];
  for (const [key, value] of Object.entries(to)) {
    const old = Object.hasOwn(from, key) ? from[key] : undefined;
    if (sameJson(old, value)) continue;
    if (isObject(old) && isObject(value)) found.push(...changes(old, value, [...path, key]));
    else found.push({ path: [...path, key], value });
  }
  for (const key of Object.keys(from))
    if (!Object.hasOwn(to, key)) found.push({ path: [...path, key], value: undefined });
  return found;
}

/** Writes one leaf. */
export function withChange(target: JsonObject, { path, value }: Change): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return target;
  const members = new Map<string, Json>(Object.entries(target));
  const old = members.get(key);
  if (rest.length > 0)
    members.set(key, withChange(isObject(old) ? old : {}, { path: rest, value }));
  else if (value === undefined) members.delete(key);
  else members.set(key, value);
  return fromEntries(members);
}

export function valueAt(target: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = target;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** A place that both sides have changed since `base`, to different values. */
export interface Conflict {
  readonly path: readonly string[];
  readonly base: Json | undefined;
  readonly theirs: Json | undefined;
  readonly mine: Json | undefined;
}

export interface ThreeWay {
  /** `theirs` with every change of mine that does not conflict. */
  readonly merged: JsonObject;
  readonly conflicts: readonly Conflict[];
  /** How many of my changes went in by themselves. */
  readonly taken: number;
}

/** Puts my changes since `base` on top of theirs. */
export function threeWay(base: JsonObject, theirs: JsonObject, mine: JsonObject): ThreeWay {
  const ours = changes(base, mine);
  const others = changes(base, theirs);
  const conflicts: Conflict[] = [];
  let merged = theirs;
  let taken = 0;
  for (const change of ours) {
    const { path, value } = change;
    const touched = others.some((other) => overlap(other.path, path));
    const now = valueAt(theirs, path);
    if (touched && !sameJson(now, value)) {
      conflicts.push({ path, base: valueAt(base, path), theirs: now, mine: value });
    } else {
      merged = withChange(merged, change);
      taken += 1;
    }
  }
  return { merged, conflicts, taken };
}

/** One of the paths leads to or through the other. */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

/** `climate.sensors.id`. */
export function pathText(path: readonly string[]): string {
  return path.join(".");
}
