import { type Json, type JsonObject, isObject } from "../../lib/json.ts";
import type { Section } from "../../api/twins.ts";

/** When one value of a section was written. */
export interface Stamp {
  readonly path: string;
  readonly value: Json | undefined;
  readonly lastUpdated: string;
  /** Of desired properties: the section's `$version` then. */
  readonly version: number | undefined;
}

/** Every leaf of a section with its `$lastUpdated`, newest first. */
export function stampsOf(section: Section): readonly Stamp[] {
  const stamps: Stamp[] = [];
  collect(section.$metadata, section, [], stamps);
  return stamps.sort(
    (a, b) => b.lastUpdated.localeCompare(a.lastUpdated) || a.path.localeCompare(b.path),
  );
}

function collect(
  metadata: JsonObject,
  value: Json | undefined,
  path: readonly string[],
  stamps: Stamp[],
): void {
  const children = Object.entries(metadata).filter(([key]) => !key.startsWith("$"));
  for (const [key, child] of children) {
    if (isObject(child))
      collect(child, isObject(value) ? value[key] : undefined, [...path, key], stamps);
  }
  const { $lastUpdated, $lastUpdatedVersion } = metadata;
  if (children.length > 0 || path.length === 0 || typeof $lastUpdated !== "string") return;
  stamps.push({
    path: path.join("."),
    value,
    lastUpdated: $lastUpdated,
    version: typeof $lastUpdatedVersion === "number" ? $lastUpdatedVersion : undefined,
  });
}
