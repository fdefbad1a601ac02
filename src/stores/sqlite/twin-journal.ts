import type { Twin } from "../../domain/twin/twin.ts";
import type { Written } from "../shared/changes.ts";
import { inDesired, inReported, inTags, type Sections, unwrittenLength } from "./codec.ts";
import type { Driver, Statement } from "./driver.ts";
import {
  goneEntry,
  type JournalBlock,
  JournalBlocks,
  sectionsEntry,
  wholeEntry,
} from "./journal-block.ts";
import { rowOf, type TwinRow, TwinRows } from "./twin-rows.ts";

export interface JournalLimits {
  /** Twins whose rows may be behind: what a flush writes at the most. Rows of others are written at once. */
  readonly maxTwins: number;
  /** Entries of the journal. */
  readonly maxEntries: number;
  /** Characters of the journal. */
  readonly maxCharacters: number;
  /** A commit of no more twins than these writes their rows at once, which then costs less. */
  readonly few: number;
  /** Milliseconds after which a journal that nothing is put into is emptied. */
  readonly quiet: number;
}

export const defaultJournalLimits: JournalLimits = {
  maxTwins: 2_048,
  maxEntries: 8_192,
  maxCharacters: 8 * 1024 * 1024,
  few: 3,
  quiet: 1_000,
};

/** A twin whose row is behind. */
interface Dirty {
  /** As it is committed; null if it is gone. */
  readonly twin: Twin | null;
  /** The newest row of the journal that holds it. */
  readonly sequence: number;
  /** In which sections the row of `twins` differs: the entries that say so may be dropped before the newest one. */
  readonly behind: Sections | "whole";
}

interface JournalRow {
  readonly sequence: number;
  readonly keys: readonly string[];
  readonly characters: number;
}

/** What a commit does with the twins that it changes. */
export interface TwinPlan {
  /** Each of them with the length of its texts. */
  readonly changed: readonly (readonly [key: string, twin: Twin | null, length: number])[];
  /** Rows of `twins` to be written. */
  readonly rows: readonly TwinRow[];
  /** How many of the oldest rows of the journal are not needed any more. */
  readonly dropped: number;
  readonly blocks: readonly JournalBlock[];
  /** What is behind once the rows are written; null for what is not any more. */
  readonly dirty: ReadonlyMap<string, Dirty | null>;
}

const nothing: TwinPlan = { changed: [], rows: [], dropped: 0, blocks: [], dirty: new Map() };

/**
 * Twins that a commit has changed lie one behind the other in a row of `twin_journal` first: a report costs its bytes, and
 * not a place in the tree of `twins`. Their rows follow when the journal is full, its oldest part first: of a twin
 * that reports again and again, nothing but the newest state is ever written there.
 *
 * At any moment `twins` with the journal's rows laid over it in their order is what was committed, and a twin that is not
 * among the dirty ones is in no row of the journal, so that its row in `twins` may be written at once.
 */
export class TwinJournal {
  readonly #driver: Driver;
  readonly #rows: TwinRows;
  readonly #limits: JournalLimits;
  readonly #insert: Statement;
  readonly #delete: Statement;
  readonly #dirty = new Map<string, Dirty>();
  readonly #journal: JournalRow[] = [];
  #entries = 0;
  #characters = 0;
  #sequence = 0;

  /** The journal must be empty. */
  constructor(driver: Driver, limits: JournalLimits) {
    this.#driver = driver;
    this.#limits = limits;
    this.#rows = new TwinRows(driver);
    this.#insert = driver.prepare("INSERT INTO twin_journal (sequence, twins) VALUES (?, ?)");
    this.#delete = driver.prepare("DELETE FROM twin_journal WHERE sequence <= ?");
  }

  /** Of the newest row ever put into it. */
  get sequence(): number {
    return this.#sequence;
  }

  get isEmpty(): boolean {
    return this.#journal.length === 0;
  }

  /** A twin whose row is behind, null if it is gone; undefined for all others. */
  twin(key: string): Twin | null | undefined {
    return this.#dirty.get(key)?.twin;
  }

  /** Decides; writes nothing. `cached` gives twins as they are committed, if it knows them. */
  plan(changed: Written<Twin>, cached: (key: string) => Twin | undefined): TwinPlan {
    if (changed.size === 0) return nothing;
    const isFew = changed.size <= this.#limits.few;
    let room = this.#limits.maxTwins - this.#dirty.size;
    const lengths: [string, Twin | null, number][] = [];
    const rows: TwinRow[] = [];
    const blocks = new JournalBlocks();
    const dirty = new Map<string, Dirty | null>();
    for (const [key, twin] of changed) {
      const before = this.#dirty.get(key);
      if (before === undefined && (isFew || twin === null || room-- <= 0)) {
        const row = rowOf(key, twin);
        rows.push(row);
        lengths.push([key, twin, lengthOf(row)]);
        continue;
      }
      const behind = behindOf(twin, before ?? cleanOf(cached(key)));
      const entry = entryOf(key, twin, behind);
      const place = blocks.add(key, entry);
      dirty.set(key, { twin, sequence: this.#sequence + place, behind });
      const rest = twin === null || behind === "whole" ? 0 : unwrittenLength(twin, behind);
      lengths.push([key, twin, entry.length + rest]);
    }
    const { maxEntries, maxCharacters } = this.#limits;
    if (dirty.size > maxEntries || blocks.characters > maxCharacters)
      return this.#planRows(changed);
    const dropped = this.#makeRoom(blocks, dirty, rows);
    return { changed: lengths, rows, dropped, blocks: blocks.all(), dirty };
  }

  /** Within the transaction of the commit. */
  write({ rows, dropped, blocks }: TwinPlan): void {
    this.#rows.write(rows);
    this.#drop(dropped);
    let sequence = this.#sequence;
    for (const { text } of blocks) this.#insert.run([++sequence, Buffer.from(text)]);
  }

  /** To be called when it is committed. */
  settle({ dropped, blocks, dirty }: TwinPlan): void {
    for (const [key, twin] of dirty) {
      if (twin === null) this.#dirty.delete(key);
      else this.#dirty.set(key, twin);
    }
    for (const { keys, characters } of this.#journal.splice(0, dropped)) {
      this.#entries -= keys.length;
      this.#characters -= characters;
    }
    for (const { keys, text } of blocks) {
      this.#journal.push({ sequence: ++this.#sequence, keys, characters: text.length });
      this.#entries += keys.length;
      this.#characters += text.length;
    }
  }

  /**
   * Brings all rows of `twins` up to date, in a transaction of its own: from then on the journal is empty. Throws what SQLite
   * throws, with everything as it was.
   */
  flush(): void {
    if (this.isEmpty) return;
    const plan = this.#planRows(new Map());
    this.#driver.transaction(() => this.write(plan));
    this.settle(plan);
  }

  /** All rows, those of a commit among them. In the order of keys, so that neighbours are written together. */
  #planRows(changed: Written<Twin>): TwinPlan {
    const all = new Map<string, Twin | null>(changed);
    for (const [key, { twin }] of this.#dirty) if (!all.has(key)) all.set(key, twin);
    const rows = [...all].map(([key, twin]) => rowOf(key, twin)).sort(byKey);
    return {
      changed: rows.flatMap((row) => {
        const { key, twin } = row;
        return changed.has(key) ? [[key, twin, lengthOf(row)] as const] : [];
      }),
      rows,
      dropped: this.#journal.length,
      blocks: [],
      dirty: new Map([...this.#dirty.keys()].map((key) => [key, null])),
    };
  }

  /**
   * Puts into `rows` what the oldest rows of the journal alone hold, until they are no more than their limits with what is
   * to come; gives how many of them go.
   */
  #makeRoom(blocks: JournalBlocks, dirty: Map<string, Dirty | null>, rows: TwinRow[]): number {
    const { maxEntries, maxCharacters } = this.#limits;
    let entries = this.#entries + dirty.size;
    let characters = this.#characters + blocks.characters;
    let dropped = 0;
    for (const row of this.#journal) {
      if (entries <= maxEntries && characters <= maxCharacters) break;
      for (const key of row.keys) {
        const behind = this.#dirty.get(key);
        if (behind?.sequence !== row.sequence || dirty.has(key)) continue;
        rows.push(rowOf(key, behind.twin));
        dirty.set(key, null);
      }
      entries -= row.keys.length;
      characters -= row.characters;
      dropped++;
    }
    return dropped;
  }

  #drop(dropped: number): void {
    const last = this.#journal[dropped - 1];
    if (last !== undefined) this.#delete.run([last.sequence]);
  }
}

function entryOf(key: string, twin: Twin | null, behind: Sections | "whole"): string {
  if (twin === null) return goneEntry(key);
  return behind === "whole" ? wholeEntry(key, twin) : sectionsEntry(key, twin, behind);
}

function lengthOf(row: TwinRow): number {
  return row.twin === null ? 0 : row.columns.doc.length + row.columns.metadata.length;
}

function byKey(a: TwinRow, b: TwinRow): number {
  return a.key < b.key ? -1 : 1;
}

type Before = Pick<Dirty, "twin" | "behind">;

/** A twin whose row is up to date. */
function cleanOf(twin: Twin | undefined): Before | undefined {
  return twin === undefined ? undefined : { twin, behind: 0 };
}

/** In what a row differs once the twin is as given. Sections are never changed: what is the same object is the same. */
function behindOf(twin: Twin | null, before: Before | undefined): Sections | "whole" {
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
