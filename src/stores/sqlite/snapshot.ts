import { closeSync, existsSync, openSync } from "node:fs";
import { openError } from "./data-directory.ts";
import type { Driver, DriverModule } from "./driver.ts";
import { StoreOpenError } from "./open-error.ts";

/** How long a snapshot waits for a lock, in milliseconds. */
const lockTimeout = 30_000;

/**
 * Writes everything that is committed now into a new database file (0600), while a hub may go on writing; the source is
 * read in one transaction of a connection of its own. Takes as long as reading and writing all of it, and keeps the calling
 * thread busy: never call it in a hub's main thread. Returns the number of the newest migration. Throws StoreOpenError.
 */
export function snapshotDatabase(
  directory: string,
  file: string,
  target: string,
  sqlite: DriverModule,
): number {
  // SQLite would make the source if it is missing.
  if (!existsSync(file))
    throw new StoreOpenError(
      "failed",
      `data directory ${directory} holds no hub: there is no hub.db`,
    );
  let driver: Driver | undefined;
  try {
    driver = sqlite.open(file);
    driver.exec(`PRAGMA busy_timeout = ${lockTimeout}`);
    // SQLite would create it readable for others; it takes an empty file as it is.
    closeSync(openSync(target, "wx", 0o600));
    driver.prepare("VACUUM INTO ?").run([target]);
    return schemaOf(driver);
  } catch (error) {
    throw openError(directory, error);
  } finally {
    driver?.close();
  }
}

function schemaOf(driver: Driver): number {
  const row = driver.prepare("SELECT max(number) AS n FROM migrations").get([]);
  return Number(row?.["n"] ?? 0);
}
