import type { HubChange } from "../../api/changes.ts";
import type { JsonObject } from "../../lib/json.ts";
import { withoutSystem } from "../../lib/json.ts";

export type SectionKind = "desired" | "reported" | "tags";

/** One change of one section. */
export interface HistoryEntry {
  readonly id: string;
  readonly kind: SectionKind;
  /** The section's `$version`; of tags, the twin's. */
  readonly version: number;
  readonly at: string;
  readonly change: JsonObject;
}

/** The changes of a twin section by section, in the order in which they are given. */
export function historyOf(changes: readonly HubChange[]): readonly HistoryEntry[] {
  return changes.flatMap((change) => [
    ...sectionEntries(change, "reported"),
    ...sectionEntries(change, "desired"),
    ...tagsEntries(change),
  ]);
}

function sectionEntries(
  { sequence, time, properties }: HubChange,
  kind: "desired" | "reported",
): readonly HistoryEntry[] {
  const section = properties?.[kind];
  const version = section?.["$version"];
  if (section === undefined || typeof version !== "number") return [];
  const change = withoutSystem(section);
  return [{ id: `${sequence}-${kind}`, kind, version, at: time, change }];
}

function tagsEntries({ sequence, time, tags, version = 0 }: HubChange): readonly HistoryEntry[] {
  return tags === undefined
    ? []
    : [{ id: `${sequence}-tags`, kind: "tags", version, at: time, change: tags }];
}
