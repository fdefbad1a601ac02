import type { JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";
import { replaceChange } from "./change.ts";
import { argumentInvalid } from "../errors.ts";
import { checkSection } from "./limits.ts";
import { freshMetadata } from "./metadata.ts";
import { checkSize } from "./size.ts";
import type { Section, Twin, TwinPatch } from "./twin.ts";
import { type TwinWrite, type Written, serviceWrite } from "./write.ts";

/**
 * A service's PUT: the sections that `patch` holds become what it holds, the others stay; reported properties always
 * stay. A section that is given is written even when its content is the same (spec/semantics §4.6, §4.8).
 *
 * Throws ArgumentInvalid for `null` anywhere and for what a section may not hold, and
 * DeviceModelMaxPropertiesExceeded for a section that is too large.
 */
export function replaceTwin(twin: Twin, patch: TwinPatch, now: Milliseconds): TwinWrite {
  const tags = checked(patch.tags, "tags");
  const desired = checked(patch.desired, "properties.desired");
  return serviceWrite(
    twin,
    "replaceTwin",
    tags && replaceTags(twin.tags, tags),
    desired && replaceDesired(twin.desired, desired, now),
  );
}

function checked(section: JsonObject | null | undefined, name: string): JsonObject | undefined {
  if (section === undefined) return undefined;
  if (section === null) {
    throw argumentInvalid(`Value of Property or Tag cannot be null. Error in Property/Tag ${name}`);
  }
  checkSection(section, "refused");
  return section;
}

function replaceTags(tags: JsonObject, value: JsonObject): Written<JsonObject> {
  checkSize("Tags", value);
  return { value, change: replaceChange(tags, value) };
}

function replaceDesired(section: Section, value: JsonObject, now: Milliseconds): Written<Section> {
  checkSize("Properties.Desired", value);
  const version = section.version + 1;
  const metadata = freshMetadata(value, { t: now, v: version });
  return { value: { value, metadata, version }, change: replaceChange(section.value, value) };
}
