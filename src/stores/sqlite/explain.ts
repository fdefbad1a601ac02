import { type SqliteFailure, sqliteFailure } from "./driver.ts";

/** What a failed commit means, and what to do: one sentence for the operator, which callers see too. */
export function explainCommit(directory: string, error: unknown): string {
  return explain(directory, sqliteFailure(error), "A commit", ": nothing was written,");
}

/** The same of what is committed, but could not be brought to where it is read. */
export function explainFlush(directory: string, error: unknown): string {
  return explain(directory, sqliteFailure(error), "Bringing twins up to date", ":");
}

/** The same of something that could not be read. */
export function explainRead(directory: string, error: unknown): string {
  return explain(directory, sqliteFailure(error), "Reading", ":");
}

function explain(directory: string, failure: SqliteFailure, what: string, sequel: string): string {
  switch (failure) {
    case "full":
      return `The disk of data directory ${directory} is full${sequel} free some space and try again`;
    case "readonly":
      return `Data directory ${directory} can't be written${sequel} make it writable and try again`;
    case "io":
      return `The disk of data directory ${directory} reports errors${sequel} check the disk`;
    case "corrupt":
      return `The database in data directory ${directory} is damaged: stop the hub and restore it from a backup with 'twinhub restore'`;
    case "busy":
    case "cannotOpen":
    case "other":
      return `${what} in data directory ${directory} failed${sequel} try again later`;
  }
}
