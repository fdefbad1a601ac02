import type { Twin } from "../../domain/twin/twin.ts";
import type { Report } from "../../domain/twin/apply-reported.ts";
import type { Changes } from "../shared/changes.ts";
import { inReported, unwrittenLength } from "./codec.ts";
import type { Driver, Statement } from "./driver.ts";
import { reportEntry } from "./journal-block.ts";
import {
  type Before,
  behindOf,
  cleanOf,
  type Dirty,
  type Draft,
  entryOf,
  lengthOf,
  newDraft,
  nothing,
  takesReports,
  type TwinPlan,
  upToDate,
} from "./journal-plan.ts";
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
  maxEntries: 32_768,
  maxCharacters: 8 * 1024 * 1024,
  few: 3,
  quiet: 1_000,
};

interface JournalRow {
  readonly sequence: number;
  readonly keys: readonly string[];
  readonly characters: number;
}

/**
 * Twins that a commit has changed lie one behind the other in a row of `twin_journal` first: a report costs its bytes, and
 * not a place in the tree of `twins`. Their rows follow when the journal is full, its oldest part first: a twin
 * that reports again and again is put into the journal anew before that, and is never written there.
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
  /** How much has ever been put into the journal, in units of its limits: what is older than 1 is not there any more. */
  #age = 0;

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
  plan(
    { twins, reports }: Pick<Changes, "twins" | "reports">,
    cached: (key: string) => Twin | undefined,
  ): TwinPlan {
    if (twins.size === 0) return nothing;
    const isFew = twins.size <= this.#limits.few;
    let room = this.#limits.maxTwins - this.#dirty.size;
    const draft = newDraft();
    for (const [key, twin] of twins) {
      const before = this.#dirty.get(key);
      const reported = reports.get(key);
      if (before === undefined && (isFew || twin === null || room-- <= 0)) {
        const row = rowOf(key, twin);
        draft.rows.push(row);
        draft.changed.push([key, twin, lengthOf(row)]);
      } else if (
        twin !== null &&
        reported !== undefined &&
        takesReports(before, twin, reported.length, this.#age)
      ) {
        this.#addReports(draft, key, twin, before, reported);
      } else this.#addTwin(draft, key, twin, before ?? cleanOf(cached(key)));
    }
    const { maxEntries, maxCharacters } = this.#limits;
    const { blocks } = draft;
    if (blocks.entries > maxEntries || blocks.characters > maxCharacters)
      return this.#planRows(twins);
    const dropped = this.#makeRoom(draft);
    return { ...draft, dropped, blocks: blocks.all() };
  }

  #addReports(
    { blocks, dirty, changed, changes }: Draft,
    key: string,
    twin: Twin,
    before: Dirty,
    reported: readonly Report[],
  ): void {
    let { needs, reports } = before;
    let version = twin.version - reported.length;
    let place = 0;
    for (const { change, at } of reported) {
      const text = JSON.stringify(change);
      const entry = reportEntry(key, ++version, at, text);
      place = blocks.add(key, entry);
      needs = Math.min(needs, this.#sequence + place);
      reports += entry.length;
      changes.set(change, text);
    }
    // The row of `twins` was not behind: what is needed begins here.
    const age = before.needs === Infinity ? this.#age : before.age;
    const behind = before.behind === "whole" ? "whole" : before.behind | inReported;
    const sequence = this.#sequence + place;
    const { length } = before;
    // One by one: spread syntax is slow, and every report comes by here.
    dirty.set(key, { twin, sequence, needs, age, behind, length, reports });
    changed.push([key, twin, length + reports]);
  }

  #addTwin(
    { blocks, dirty, changed }: Draft,
    key: string,
    twin: Twin | null,
    before: Before | undefined,
  ): void {
    const behind = behindOf(twin, before);
    const entry = entryOf(key, twin, behind);
    const sequence = this.#sequence + blocks.add(key, entry);
    const rest = twin === null || behind === "whole" ? 0 : unwrittenLength(twin, behind);
    const length = entry.length + rest;
    const age = this.#age;
    dirty.set(key, { twin, sequence, needs: sequence, age, behind, length, reports: 0 });
    changed.push([key, twin, length]);
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
    const { maxEntries, maxCharacters } = this.#limits;
    for (const { keys, text } of blocks) {
      this.#journal.push({ sequence: ++this.#sequence, keys, characters: text.length });
      this.#entries += keys.length;
      this.#characters += text.length;
      this.#age += keys.length / maxEntries + text.length / maxCharacters;
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
  #planRows(changed: Changes["twins"]): TwinPlan {
    const all = new Map<string, Twin | null>(changed);
    for (const [key, { twin }] of this.#dirty) if (!all.has(key)) all.set(key, twin);
    const rows = [...all].map(([key, twin]) => rowOf(key, twin)).sort(byKey);
    return {
      ...nothing,
      changed: rows.flatMap((row) => {
        const { key, twin } = row;
        return changed.has(key) ? [[key, twin, lengthOf(row)] as const] : [];
      }),
      rows,
      dropped: this.#journal.length,
      dirty: new Map([...this.#dirty.keys()].map((key) => [key, null])),
    };
  }

  /**
   * Puts into `rows` the twins for which the oldest rows of the journal are needed, until the rest is no more than the limits
   * with what is to come; gives how many of the oldest rows go.
   */
  #makeRoom({ blocks, dirty, rows }: Draft): number {
    const { maxEntries, maxCharacters } = this.#limits;
    let entries = this.#entries + blocks.entries;
    let characters = this.#characters + blocks.characters;
    let dropped = 0;
    for (const { sequence, keys, characters: length } of this.#journal) {
      if (entries <= maxEntries && characters <= maxCharacters) break;
      for (const key of keys) {
        const behind = dirty.has(key) ? dirty.get(key) : this.#dirty.get(key);
        if (behind == null || (behind.needs > sequence && behind.sequence > sequence)) continue;
        if (behind.needs > sequence) dirty.set(key, null);
        else {
          const row = rowOf(key, behind.twin);
          rows.push(row);
          dirty.set(key, behind.sequence > sequence ? upToDate(behind, row) : null);
        }
      }
      entries -= keys.length;
      characters -= length;
      dropped++;
    }
    return dropped;
  }

  #drop(dropped: number): void {
    const last = this.#journal[dropped - 1];
    if (last !== undefined) this.#delete.run([last.sequence]);
  }
}

function byKey(a: TwinRow, b: TwinRow): number {
  return a.key < b.key ? -1 : 1;
}
