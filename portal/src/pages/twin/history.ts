import { useEffect, useState } from "react";
import type { TwinDocument } from "../../api/twins.ts";
import { type JsonObject, withoutSystem } from "../../lib/json.ts";
import { diff } from "../../lib/merge-patch.ts";

export type SectionKind = "desired" | "reported" | "tags";

/** One change of a section that this page has seen. */
export interface HistoryEntry {
  readonly id: string;
  readonly kind: SectionKind;
  /** The section's `$version`; of tags, the twin's. */
  readonly version: number;
  readonly at: string;
  readonly change: JsonObject;
}

/** Changes that are kept, newest first. */
const kept = 60;

/** What has changed, section by section, since the page was opened. */
export function useHistory(twin: TwinDocument | undefined): readonly HistoryEntry[] {
  const [state, setState] = useState<{
    last: TwinDocument | undefined;
    entries: readonly HistoryEntry[];
  }>({
    last: undefined,
    entries: [],
  });
  useEffect(() => {
    if (twin === undefined) return;
    setState(({ last, entries }) => {
      if (last === undefined || last.version === twin.version) return { last: twin, entries };
      return { last: twin, entries: [...changesBetween(last, twin), ...entries].slice(0, kept) };
    });
  }, [twin]);
  return state.entries;
}

export function changesBetween(before: TwinDocument, after: TwinDocument): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (const kind of ["reported", "desired"] as const) {
    const [old, now] = [before.properties[kind], after.properties[kind]];
    if (old.$version === now.$version) continue;
    entries.push({
      id: `${kind}-${now.$version}`,
      kind,
      version: now.$version,
      at: now.$metadata.$lastUpdated,
      change: diff(withoutSystem(old), withoutSystem(now)),
    });
  }
  const tags = diff(before.tags ?? {}, after.tags ?? {});
  if (Object.keys(tags).length > 0) {
    entries.push({
      id: `tags-${after.version}`,
      kind: "tags",
      version: after.version,
      at: new Date().toISOString(),
      change: tags,
    });
  }
  return entries;
}
