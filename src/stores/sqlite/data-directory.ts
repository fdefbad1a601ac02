import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { type Driver, type DriverModule, sqliteFailure } from "./driver.ts";
import { StoreOpenError, type StoreOpenReason } from "./open-error.ts";

/** A data directory that this process alone uses. */
export interface DataDirectory {
  /** The database file. */
  readonly file: string;
  readonly release: () => void;
}

/**
 * Creates the directory (0700) and the database file (0600) if need be, and takes the directory's lock, which
 * the operating system gives back however the process ends.
 */
export function claimDirectory(
  directory: string,
  sqlite: DriverModule,
  since: Date,
): DataDirectory {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const lock = takeLock(directory, sqlite, since);
    if (existsSync(path.join(directory, restoringName))) {
      lock();
      throw new StoreOpenError(
        "unfinishedRestore",
        `data directory ${directory} is half restored: repeat 'twinhub restore' with --force, or choose another path`,
      );
    }
    const file = path.join(directory, "hub.db");
    createPrivate(file);
    return { file, release: lock };
  } catch (error) {
    throw openError(directory, error);
  }
}

/** There from the moment at which a restore begins to put its files in place until all are there. */
export const restoringName = "restoring";

/** Files that say who uses a data directory; they are no state. */
export const lockNames: readonly string[] = ["hub.lock", "hub.lock.json", "hub.lock-journal"];

/**
 * Takes the lock of a directory that is there; the returned function gives it back. Throws StoreOpenError with the
 * process that holds it.
 */
export function takeLock(directory: string, sqlite: DriverModule, since: Date): () => void {
  const file = path.join(directory, "hub.lock");
  const holder = path.join(directory, "hub.lock.json");
  createPrivate(file);
  const driver = sqlite.open(file);
  try {
    // An exclusive transaction of SQLite is the one lock that Node offers on all platforms.
    driver.exec("PRAGMA journal_mode = MEMORY");
    driver.exec("BEGIN EXCLUSIVE");
    const text = JSON.stringify({ pid: process.pid, host: hostname(), since: since.toISOString() });
    writeFileSync(holder, `${text}\n`, { mode: 0o600 });
  } catch (error) {
    driver.close();
    throw sqliteFailure(error) === "busy" ? inUse(directory, holder) : error;
  }
  return () => {
    rmSync(holder, { force: true });
    letGo(driver);
  };
}

function letGo(driver: Driver): void {
  driver.exec("ROLLBACK");
  driver.close();
}

function inUse(directory: string, holder: string): StoreOpenError {
  const { pid, host, since } = readHolder(holder);
  return new StoreOpenError(
    "inUse",
    `data directory ${directory} is in use by process ${pid} on ${host} since ${since}`,
  );
}

function readHolder(file: string): { pid: string; host: string; since: string } {
  let holder: unknown;
  try {
    holder = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // The other process has taken the lock and not yet said who it is.
  }
  const member = (name: string) =>
    typeof holder === "object" && holder !== null && name in holder
      ? String((holder as Record<string, unknown>)[name])
      : "(unknown)";
  return { pid: member("pid"), host: member("host"), since: member("since") };
}

/**
 * SQLite would create the file readable for others. Only a missing file is opened here: closing a file drops
 * this process's locks on it (POSIX).
 */
function createPrivate(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
}

/** Says in one line what keeps a data directory from being used. */
export function openError(directory: string, error: unknown): StoreOpenError {
  if (error instanceof StoreOpenError) return error;
  const reason = reasonOf(error);
  const message = {
    notADirectory: `data directory ${directory} is not a directory: choose another path`,
    notWritable: `data directory ${directory} can't be written: give this user the right to write, or choose another path`,
    diskFull: `the disk of data directory ${directory} is full: free some space, or choose another path`,
    corrupt: unsound(directory),
    failed: `data directory ${directory} can't be opened: ${error instanceof Error ? error.message : String(error)}`,
  }[reason];
  return new StoreOpenError(reason, message, error);
}

/** The database can be read, but what is in it was not written by a hub. */
export function damaged(directory: string, cause: unknown): StoreOpenError {
  return new StoreOpenError("corrupt", unsound(directory), cause);
}

function unsound(directory: string): string {
  return `data directory ${directory} holds a hub.db that is not a sound SQLite database: restore it from a backup with 'twinhub restore', or choose another path`;
}

function reasonOf(
  error: unknown,
): Extract<StoreOpenReason, "notADirectory" | "notWritable" | "diskFull" | "corrupt" | "failed"> {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  switch (code) {
    case "ENOTDIR":
    case "EEXIST":
      return "notADirectory";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "notWritable";
    case "ENOSPC":
    case "EDQUOT":
      return "diskFull";
    default:
      break;
  }
  switch (sqliteFailure(error)) {
    case "readonly":
    case "cannotOpen":
      return "notWritable";
    case "full":
      return "diskFull";
    case "corrupt":
      return "corrupt";
    case "busy":
    case "io":
    case "other":
      return "failed";
  }
}
