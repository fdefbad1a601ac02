import { type JsonObject, type MutableJsonObject, emptyObject, isObject } from "../json.ts";
import { own } from "./members.ts";

/**
 * What a merge of `patch` into `section` writes, with removed keys as `null`: the patch without nulls for keys that do
 * not exist. Values are not compared (spec/semantics §4.8). This is what listeners are told, and
 * `merge(section, change)` equals `merge(section, patch)`.
 */
export function mergeChange(section: JsonObject, patch: JsonObject): JsonObject {
  return removes(patch) ? cleaned(section, patch) : patch;
}

function removes(patch: JsonObject): boolean {
  for (const key in patch) {
    const value = patch[key];
    // What is only inherited may be looked at in vain.
    if (value === null || value === undefined || (isObject(value) && removes(value))) return true;
  }
  return false;
}

function cleaned(section: JsonObject, patch: JsonObject): JsonObject {
  const change: MutableJsonObject = emptyObject();
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === undefined) continue;
    const old = own(section, key);
    if (isObject(value)) change[key] = cleaned(isObject(old) ? old : nothing, value);
    else if (value !== null || old !== undefined) change[key] = value;
  }
  return change;
}

/** The change that empties `section`: each of its keys as `null`. */
export function removalChange(section: JsonObject): JsonObject {
  const change = emptyObject();
  for (const key of Object.keys(section)) change[key] = null;
  return change;
}

/**
 * What turns `section` into `next`: all of `next`, and `null` for each key that is gone, at every level
 * (spec/semantics §4.8). `merge(section, change)` equals `next`, which holds no nulls.
 */
export function replaceChange(section: JsonObject, next: JsonObject): JsonObject {
  const change = emptyObject();
  for (const key of Object.keys(next)) {
    const value = next[key];
    if (value === undefined) continue;
    const old = own(section, key);
    change[key] = isObject(value) && isObject(old) ? replaceChange(old, value) : value;
  }
  for (const key of Object.keys(section)) if (!Object.hasOwn(next, key)) change[key] = null;
  return change;
}

const nothing: JsonObject = Object.freeze(emptyObject());
