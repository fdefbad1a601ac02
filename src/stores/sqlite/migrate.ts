import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Driver } from "./driver.ts";
import { StoreOpenError } from "./open-error.ts";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The numbered files beside this module: `0001-initial.sql` and so on. */
export function readMigrations(
  directory: string = path.join(import.meta.dirname, "migrations"),
): readonly Migration[] {
  return readdirSync(directory)
    .filter((name) => /^\d{4}-.+\.sql$/.test(name))
    .sort()
    .map((name) => {
      // A checkout may have changed the line ends.
      const sql = readFileSync(path.join(directory, name), "utf8").replaceAll("\r\n", "\n");
      const checksum = createHash("sha256").update(sql).digest("hex");
      return { number: Number(name.slice(0, 4)), name, sql, checksum };
    });
}

/**
 * Brings the schema up to date, one transaction for each migration. Refuses a database that a newer version
 * wrote, and one whose migrations were not these.
 */
export function migrate(
  driver: Driver,
  migrations: readonly Migration[],
  directory: string,
  appliedAt: number,
): void {
  driver.exec(
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  const applied = driver.prepare("SELECT number, name, checksum FROM migrations ORDER BY number");
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  const done = new Set<number>();
  for (const row of applied.all([])) {
    const migration = known.get(Number(row["number"]));
    if (migration === undefined) throw newer(directory, String(row["name"]));
    if (migration.checksum !== row["checksum"]) throw altered(directory, migration.name);
    done.add(migration.number);
  }
  const record = driver.prepare(
    "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
  );
  for (const migration of migrations) {
    if (done.has(migration.number)) continue;
    driver.transaction(() => {
      driver.exec(migration.sql);
      record.run([migration.number, migration.name, migration.checksum, appliedAt]);
    });
  }
}

function newer(directory: string, name: string): StoreOpenError {
  return new StoreOpenError(
    "newerSchema",
    `data directory ${directory} was written by a newer version of the hub (it has migration ${name}): start that version, or use another directory`,
  );
}

function altered(directory: string, name: string): StoreOpenError {
  return new StoreOpenError(
    "alteredSchema",
    `data directory ${directory} was written with another text of migration ${name}: start the version that wrote it, or use another directory`,
  );
}
