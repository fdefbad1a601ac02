import type { JsonObject } from "../../domain/json.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { inDesired, inReported, inTags, type Sections } from "./codec.ts";
import {
  goneEntry,
  type JournalBlock,
  JournalBlocks,
  sectionsEntry,
  wholeEntry,
} from "./journal-block.ts";
import type { TwinRow } from "./twin-rows.ts";

/** A twin of which the journal has entries. */
export interface Dirty {
  /** As it is committed; null if it is gone. */
  readonly twin: Twin | null;
  /** The newest row of the journal that holds it. */
  readonly sequence: number;
  /**
   * The oldest row of the journal without which its row of `twins` is behind: it holds the twin as it was then, or the
   * sections in which the row differed; newer rows hold reports. `Infinity` if its row of `twins` is not behind.
   */
  readonly needs: number;
  /** `TwinJournal.#age` when that row was written. */
  readonly age: number;
  /** In which sections the row of `twins` differs: the entries that say so may be dropped before the newest one. */
  readonly behind: Sections | "whole";
  /** Characters of the twin's texts without the reports, and of the reports. */
  readonly length: number;
  readonly reports: number;
}

/** What a commit does with the twins that it changes. */
export interface TwinPlan {
  /** Each of them with the length of its texts. */
  readonly changed: readonly Changed[];
  /** Rows of `twins` to be written. */
  readonly rows: readonly TwinRow[];
  /** How many of the oldest rows of the journal are not needed any more. */
  readonly dropped: number;
  readonly blocks: readonly JournalBlock[];
  /** What is behind once the rows are written; null for what is not any more. */
  readonly dirty: ReadonlyMap<string, Dirty | null>;
  /** The changes of reports that are in `blocks`, as JSON texts. */
  readonly changes: ReadonlyMap<JsonObject, string>;
}

type Changed = readonly [key: string, twin: Twin | null, length: number];

export const nothing: TwinPlan = {
  changed: [],
  rows: [],
  dropped: 0,
  blocks: [],
  dirty: new Map(),
  changes: new Map(),
};

/** A plan that is being made. */
export interface Draft {
  readonly changed: Changed[];
  readonly rows: TwinRow[];
  readonly blocks: JournalBlocks;
  readonly dirty: Map<string, Dirty | null>;
  readonly changes: Map<JsonObject, string>;
}

export function newDraft(): Draft {
  return {
    changed: [],
    rows: [],
    blocks: new JournalBlocks(),
    dirty: new Map(),
    changes: new Map(),
  };
}

/** Reports of a twin that are longer than its texts so many times are replaced by the section that they have led to. */
const maxReports = 2;
/** What is older than this share of the journal is replaced too, so that nothing is needed when the oldest rows are dropped. */
const maxAge = 0.5;

/**
 * Reports that have led to `twin` may stand in its place: the journal holds what they are reports of, and they will be
 * replaced before that is dropped. `age` of the journal.
 */
export function takesReports(
  before: Dirty | undefined,
  twin: Twin,
  reports: number,
  age: number,
): before is Dirty {
  if (before === undefined || before.twin === null) return false;
  if (before.twin.version + reports !== twin.version) return false;
  if (before.needs !== Infinity && age - before.age > maxAge) return false;
  return before.reports <= maxReports * before.length;
}

/** A twin whose row of `twins` has just been written, while the journal has entries that are not needed any more. */
export function upToDate(behind: Dirty, row: TwinRow): Dirty {
  return { ...behind, needs: Infinity, behind: 0, length: lengthOf(row), reports: 0 };
}

export function entryOf(key: string, twin: Twin | null, behind: Sections | "whole"): string {
  if (twin === null) return goneEntry(key);
  return behind === "whole" ? wholeEntry(key, twin) : sectionsEntry(key, twin, behind);
}

/** Characters of its texts. */
export function lengthOf(row: TwinRow): number {
  return row.twin === null ? 0 : row.columns.doc.length + row.columns.metadata.length;
}

export type Before = Pick<Dirty, "twin" | "behind">;

/** A twin whose row is up to date. */
export function cleanOf(twin: Twin | undefined): Before | undefined {
  return twin === undefined ? undefined : { twin, behind: 0 };
}

/** In what a row differs once the twin is as given. Sections are never changed: what is the same object is the same. */
export function behindOf(twin: Twin | null, before: Before | undefined): Sections | "whole" {
  if (twin === null || before === undefined || before.twin === null) return "whole";
  const { behind } = before;
  const { tags, desired, reported, modelId, configurations } = before.twin;
  if (behind === "whole" || twin.modelId !== modelId || twin.configurations !== configurations)
    return "whole";
  return (
    behind |
    (twin.tags === tags ? 0 : inTags) |
    (twin.desired === desired ? 0 : inDesired) |
    (twin.reported === reported ? 0 : inReported)
  );
}
