import { type JsonObject, emptyObject, hasMembers, isObject } from "../json.ts";
import { type Milliseconds, timeText } from "../time.ts";
import { copyOf, own, put } from "./members.ts";
import type { Metadata } from "./twin.ts";

/** When a write happened, and the `$version` it gave the section: of desired properties only (spec/semantics §4.4). */
export interface Stamp {
  readonly t: Milliseconds;
  readonly v?: number | undefined;
}

/**
 * Metadata after a merge of `patch`: every key that it names with a value is stamped, with all its ancestors; removed
 * keys lose their entries; the others keep theirs (spec/semantics §4.4). Mirrors what `merge` makes of the values.
 */
export function mergeMetadata(
  metadata: Metadata | undefined,
  patch: JsonObject,
  stamp: Stamp,
): Metadata {
  const entries = copyOf(metadata?.k ?? {});
  for (const key in patch) {
    const value = patch[key];
    if (value === undefined) continue;
    if (value === null) delete entries[key];
    else if (!isObject(value)) put(entries, key, stamp);
    else put(entries, key, mergeMetadata(own(entries, key), value, stamp));
  }
  return stamped(stamp, entries);
}

/** Metadata of a section that was written as a whole: every key is stamped. Nulls have no entry. */
export function freshMetadata(value: JsonObject, stamp: Stamp): Metadata {
  return mergeMetadata(undefined, value, stamp);
}

/** `$metadata` as views print it: the node's own times first, then its members. */
export function metadataView(metadata: Metadata): JsonObject {
  const view = emptyObject();
  view["$lastUpdated"] = timeText(metadata.t);
  if (metadata.v !== undefined) view["$lastUpdatedVersion"] = metadata.v;
  const entries = metadata.k ?? {};
  for (const key of Object.keys(entries)) {
    const entry = own(entries, key);
    if (entry !== undefined) view[key] = metadataView(entry);
  }
  return view;
}

/**
 * Metadata with the times and versions of `given`, which has the form of a view, for the members that both have: an
 * import brings them along (spec/semantics Q38). What cannot be read counts as missing.
 */
export function importedMetadata(metadata: Metadata, given: JsonObject): Metadata {
  const { $lastUpdated: time, $lastUpdatedVersion: version } = given;
  const parsed = typeof time === "string" ? Date.parse(time) : Number.NaN;
  const t = Number.isNaN(parsed) ? metadata.t : parsed;
  const isVersion = typeof version === "number" && Number.isSafeInteger(version) && version > 0;
  const stamp: Stamp =
    metadata.v === undefined ? { t } : { t, v: isVersion ? version : metadata.v };
  const entries = copyOf(metadata.k ?? {});
  for (const key of Object.keys(entries)) {
    const entry = own(entries, key);
    const member = own(given, key);
    if (entry !== undefined && member !== undefined && isObject(member))
      put(entries, key, importedMetadata(entry, member));
  }
  return stamped(stamp, entries);
}

/** Arrays, scalars and empty objects share one shape: a stamp without entries. Hot, hence without spread syntax. */
function stamped({ t, v }: Stamp, entries: { readonly [key: string]: Metadata }): Metadata {
  if (!hasMembers(entries)) return v === undefined ? { t } : { t, v };
  return v === undefined ? { t, k: entries } : { t, v, k: entries };
}
