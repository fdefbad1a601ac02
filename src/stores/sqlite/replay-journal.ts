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
  const twins = new Map<string, Twin | null>();
  const before = (key: string): Twin | null => {
    const known = twins.get(key);
    if (known !== undefined) return known;
    const row = stored.get(columnsOf(key));
    return row === undefined ? null : twinOf(row);
  };
  try {
    for (const block of blocks) {
      for (const entry of entriesOf(bytesOf(block["twins"])))
        twins.set(entry.key, after(entry, before));
    }
  } catch (error) {
    throw isUnreadable(error) ? damaged(directory, error) : error;
  }
  const rows = [...twins].map(([key, twin]) => rowOf(key, twin));
  driver.transaction(() => {
    new TwinRows(driver).write(rows);
    driver.exec("DELETE FROM twin_journal");
  });
}

function after(entry: JournalEntry, before: (key: string) => Twin | null): Twin | null {
  switch (entry.kind) {
    case "gone":
      return null;
    case "whole":
      return entry.twin;
    case "sections": {
      const twin = before(entry.key);
      if (twin === null)
        throw new TypeError("The journal has sections of a twin that is not there");
      return { ...twin, ...entry.written };
    }
  }
}

/** What a parser throws, where SQLite has given the row without complaint. */
function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof TypeError;
}
