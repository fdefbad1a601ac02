import { type JsonObject, hasMembers } from "../json.ts";
import type { Milliseconds } from "../time.ts";
import { mergeChange, removalChange } from "./change.ts";
import { checkSection } from "./limits.ts";
import { mergeMetadata } from "./metadata.ts";
import { merge } from "./patch.ts";
import { checkSize } from "./size.ts";
import type { Section, Twin, TwinPatch } from "./twin.ts";
import { type TwinWrite, type Written, serviceWrite } from "./write.ts";

/**
 * A service's PATCH: merges into tags and desired properties, all or nothing. Same values count as a write; a section
 * that is empty, or names only absent keys with `null`, does not (spec/semantics §4.2, §4.5, §4.8). `null` for a
 * section clears it.
 *
 * Throws ArgumentInvalid for what a section may not hold, and DeviceModelMaxPropertiesExceeded when it grows too large.
 */
export function applyServicePatch(twin: Twin, patch: TwinPatch, now: Milliseconds): TwinWrite {
  if (patch.tags) checkSection(patch.tags, "removes");
  if (patch.desired) checkSection(patch.desired, "removes");
  const tags = changeOf(twin.tags, patch.tags);
  const desired = changeOf(twin.desired.value, patch.desired);
  return serviceWrite(
    twin,
    "updateTwin",
    tags && mergeTags(twin.tags, tags),
    desired && mergeDesired(twin.desired, desired, now),
  );
}

/** `undefined` when the patch names nothing that it could write. */
function changeOf(section: JsonObject, patch: JsonObject | null | undefined) {
  if (patch === undefined) return undefined;
  const change = patch === null ? removalChange(section) : mergeChange(section, patch);
  return hasMembers(change) ? change : undefined;
}

function mergeTags(tags: JsonObject, change: JsonObject): Written<JsonObject> {
  const value = merge(tags, change);
  checkSize("Tags", value);
  return { value, change };
}

function mergeDesired(section: Section, change: JsonObject, now: Milliseconds): Written<Section> {
  const value = merge(section.value, change);
  checkSize("Properties.Desired", value);
  const version = section.version + 1;
  const metadata = mergeMetadata(section.metadata, change, { t: now, v: version });
  return { value: { value, metadata, version }, change };
}
