import { withReport } from "../../domain/twin/apply-reported.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { bytesOf, columnsOf, twinOf } from "./codec.ts";
import { damaged } from "./data-directory.ts";
import type { Driver } from "./driver.ts";
import { entriesOf, type JournalEntry } from "./journal-block.ts";
import { rowOf, selectTwin, TwinRows } from "./twin-rows.ts";

/**
 * Brings the rows of `twins` up to date with what the last process left in the journal, and empties it: all in one
 * transaction. Nothing may have been read before. Throws StoreOpenError if the journal is damaged.
 */
export function replayJournal(driver: Driver, directory: string): void {
  // Its size is what TwinJournal allowed.
  const blocks = driver.prepare("SELECT twins FROM twin_journal ORDER BY sequence").all([]);
  if (blocks.length === 0) return;
  const stored = driver.prepare(selectTwin);
  const replay = new Replay((key) => {
    const row = stored.get(columnsOf(key));
    return row === undefined ? null : twinOf(row);
  });
  try {
    for (const block of blocks)
      for (const entry of entriesOf(bytesOf(block["twins"]))) replay.add(entry);
    replay.end();
  } catch (error) {
    throw isUnreadable(error) ? damaged(directory, error) : error;
  }
  const rows = [...replay.twins].map(([key, twin]) => rowOf(key, twin));
  driver.transaction(() => {
    new TwinRows(driver).write(rows);
    driver.exec("DELETE FROM twin_journal");
  });
}

/** Twins as the entries of a journal leave them, laid over what `stored` gives. */
class Replay {
  /** null: gone. */
  readonly twins = new Map<string, Twin | null>();
  readonly #stored: (key: string) => Twin | null;
  /**
   * Of these, reports have come that lead on from what was dropped. The journal drops that only when it holds the twin
   * or its sections anew, behind those reports.
   */
  readonly #incomplete = new Set<string>();

  constructor(stored: (key: string) => Twin | null) {
    this.#stored = stored;
  }

  add(entry: JournalEntry): void {
    const { key } = entry;
    const known = this.twins.get(key);
    const before = known === undefined ? this.#stored(key) : known;
    if (entry.kind !== "report") this.#incomplete.delete(key);
    else if (before === null || entry.version > before.version + 1) this.#incomplete.add(key);
    this.twins.set(key, after(entry, before));
  }

  /** Throws TypeError if something is missing. */
  end(): void {
    if (this.#incomplete.size > 0)
      throw new TypeError("The journal lacks what reports lead on from");
  }
}

function after(entry: JournalEntry, before: Twin | null): Twin | null {
  switch (entry.kind) {
    case "gone":
      return null;
    case "whole":
      return entry.twin;
    case "sections":
      if (before === null)
        throw new TypeError("The journal has sections of a twin that is not there");
      return { ...before, ...entry.written };
    case "report":
      // Others do not lead on from this, or are in its row already.
      return before?.version === entry.version - 1 ? withReport(before, entry.report) : before;
  }
}

/** What a parser throws, where SQLite has given the row without complaint. */
function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError;
}
