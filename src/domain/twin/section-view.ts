import { type Json, type JsonObject, emptyObject, hasMembers } from "../json.ts";
import { copyOf } from "./members.ts";
import { metadataView } from "./metadata.ts";
import type { Section, Twin } from "./twin.ts";

/** Both sections with their metadata: the `properties` of a complete twin. */
export function sectionsView(twin: Twin): JsonObject {
  return { desired: sectionView(twin.desired), reported: sectionView(twin.reported) };
}

/** A section's members, then `$metadata`, then `$version`. */
export function sectionView(section: Section): JsonObject {
  const view = copyOf(section.value);
  view["$metadata"] = metadataView(section.metadata);
  view["$version"] = section.version;
  return view;
}

/** `object`, or `undefined` if it has no members. */
export function orAbsent(object: JsonObject): JsonObject | undefined {
  return hasMembers(object) ? object : undefined;
}

/** The members that have a value, in order. */
export function present(
  ...groups: readonly { readonly [name: string]: Json | undefined }[]
): JsonObject {
  const view = emptyObject();
  for (const members of groups) {
    for (const name of Object.keys(members)) {
      const value = members[name];
      if (value !== undefined) view[name] = value;
    }
  }
  return view;
}
