export type SqlValue = null | number | string | Uint8Array;

/** Columns by name. */
export interface Row {
  readonly [column: string]: SqlValue;
}

/** A prepared statement; parameters go by place. */
export interface Statement {
  run(parameters: readonly SqlValue[]): void;
  /** The first row. */
  get(parameters: readonly SqlValue[]): Row | undefined;
  all(parameters: readonly SqlValue[]): readonly Row[];
}

/** The little that is needed of a synchronous SQLite binding. */
export interface Driver {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  /** Commits what `work` wrote, or rolls it back and throws what was thrown. */
  transaction(work: () => void): void;
  close(): void;
}

/** How long a connection waits for another one's lock, in milliseconds. */
export const lockTimeout = 10_000;

export interface DriverModule {
  /** Package or builtin, and what `require` finds it by in a worker. */
  readonly name: "node:sqlite" | "libsql";
  readonly resolved: string;
  open(file: string): Driver;
}

/** `BEGIN … COMMIT`, with a rollback that does not hide the first error. */
export function inTransaction(exec: (sql: string) => void, work: () => void): void {
  exec("BEGIN IMMEDIATE");
  try {
    work();
    exec("COMMIT");
  } catch (error) {
    try {
      exec("ROLLBACK");
    } catch {
      // SQLite has already rolled back by itself, as it does when the disk is full.
    }
    throw error;
  }
}

export type SqliteFailure =
  | "busy"
  | "full"
  | "readonly"
  | "cannotOpen"
  | "corrupt"
  | "io"
  | "other";

/** Classifies what either binding throws by SQLite's primary result code. */
export function sqliteFailure(error: unknown): SqliteFailure {
  switch (resultCode(error)) {
    case 5:
    case 6:
      return "busy";
    case 8:
      return "readonly";
    case 10:
      return "io";
    case 11:
    case 26:
      return "corrupt";
    case 13:
      return "full";
    case 14:
      return "cannotOpen";
    default:
      return "other";
  }
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { rawCode, errcode } = error as { rawCode?: unknown; errcode?: unknown };
  if (typeof errcode === "number") return errcode & 0xff;
  if (typeof rawCode === "number") return rawCode & 0xff;
  // libsql's failure to open carries the code in its text only.
  const text = /: (\d+)"?\)?$/.exec(error.message)?.[1];
  return text === undefined ? undefined : Number(text) & 0xff;
}
