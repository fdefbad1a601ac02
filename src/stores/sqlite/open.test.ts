import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import { device } from "../conformance/samples.ts";
import { openError } from "./data-directory.ts";
import { findDriver } from "./find-driver.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { openSqliteStore, type SqliteStoreOptions, StoreOpenError } from "./store.ts";

const root = mkdtempSync(path.join(tmpdir(), "open-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

function newPath(): string {
  return path.join(root, String(directories++));
}

function options(directory: string): SqliteStoreOptions {
  return {
    directory,
    clock: { now: () => 1_000, after: () => () => {} },
    partitions: 1,
    durability: "disk",
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

async function refusal(directory: string): Promise<StoreOpenError> {
  const error: unknown = await openSqliteStore(options(directory)).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreOpenError)) throw new Error("the store was opened", { cause: error });
  expect(error.message).not.toContain("\n");
  return error;
}

describe("a data directory", () => {
  it("is created private, with its parents, and holds private files", async () => {
    const directory = path.join(newPath(), "deep", "data");
    const store = await openSqliteStore(options(directory));
    await store.transaction(null, (tx) => tx.putIdentity(device("d")));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) {
      expect([name, statSync(path.join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    await store.close();
  });

  it("is given back when the store is closed, with everything in one file", async () => {
    const directory = newPath();
    const store = await openSqliteStore(options(directory));
    await store.transaction(null, (tx) => tx.putIdentity(device("d")));
    await store.close();
    await store.close();
    const wal = path.join(directory, "hub.db-wal");
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
    expect(existsSync(path.join(directory, "hub.lock.json"))).toBe(false);
    const again = await openSqliteStore(options(directory));
    expect(await again.listDevices(null, 10)).toHaveLength(1);
    await again.close();
  });

  it("is refused while a store of this process uses it, and then not harmed", async () => {
    const directory = newPath();
    const store = await openSqliteStore(options(directory));
    const error = await refusal(directory);
    expect(error.reason).toBe("inUse");
    expect(error.message).toMatch(
      /^data directory .* is in use by process \d+ on \S+ since 1970-01-01T00:00:01.000Z$/,
    );
    await store.transaction(null, (tx) => tx.putIdentity(device("d")));
    expect((await refusal(directory)).reason).toBe("inUse");
    await store.close();
  });

  it("is refused while another process holds its lock, and free as soon as that is killed", async () => {
    const directory = newPath();
    mkdirSync(directory);
    const script = `
      const binding = require(${JSON.stringify(findDriver().resolved)});
      const database = new (binding.DatabaseSync ?? binding)(${JSON.stringify(path.join(directory, "hub.lock"))});
      database.exec("BEGIN EXCLUSIVE");
      process.stdout.write("locked");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--no-warnings", "-e", script], { stdio: "pipe" });
    try {
      await once(child.stdout, "data");
      writeFileSync(
        path.join(directory, "hub.lock.json"),
        '{"pid":42,"host":"plant-7","since":"2026-01-02T03:04:05.000Z"}',
      );
      const error = await refusal(directory);
      expect(error.reason).toBe("inUse");
      expect(error.message).toBe(
        `data directory ${directory} is in use by process 42 on plant-7 since 2026-01-02T03:04:05.000Z`,
      );
    } finally {
      child.kill("SIGKILL");
    }
    await once(child, "exit");
    const store = await openSqliteStore(options(directory));
    await store.close();
  });

  it("is refused if it is a file, or below one", async () => {
    const file = newPath();
    writeFileSync(file, "");
    expect(await refusal(file)).toMatchObject({ reason: "notADirectory" });
    expect(await refusal(path.join(file, "data"))).toMatchObject({ reason: "notADirectory" });
  });

  it("is refused if its database is something else, and not overwritten", async () => {
    const directory = newPath();
    mkdirSync(directory);
    const text = "a text that is no database ".repeat(100);
    writeFileSync(path.join(directory, "hub.db"), text);
    expect(await refusal(directory)).toMatchObject({ reason: "corrupt" });
    expect(readFileSync(path.join(directory, "hub.db"), "utf8")).toBe(text);
    // The lock was given back.
    rmSync(path.join(directory, "hub.db"));
    const store = await openSqliteStore(options(directory));
    await store.close();
  });

  it("is refused if it can't be written, is full, or fails otherwise", () => {
    const errno = (code: string) => Object.assign(new Error(`${code}: refused`), { code });
    const sqlite = (rawCode: number) => Object.assign(new Error("refused"), { rawCode });
    const reasons = [
      errno("EACCES"),
      errno("EROFS"),
      errno("ENOSPC"),
      sqlite(8 | (1 << 8)),
      sqlite(13),
      Object.assign(new Error("refused"), { errcode: 14 }),
      new Error('ConnectionFailed("Unable to open connection to local database x: 14")'),
      sqlite(10 | (4 << 8)),
    ].map((error) => openError("/data", error).reason);
    expect(reasons).toEqual([
      "notWritable",
      "notWritable",
      "diskFull",
      "notWritable",
      "diskFull",
      "notWritable",
      "notWritable",
      "failed",
    ]);
    expect(openError("/data", errno("EACCES")).message).toBe(
      "data directory /data can't be written: give this user the right to write, or choose another path",
    );
  });

  it("keeps the mode of a directory that was there", async () => {
    const directory = newPath();
    mkdirSync(directory);
    chmodSync(directory, 0o750);
    const store = await openSqliteStore(options(directory));
    expect(statSync(directory).mode & 0o777).toBe(0o750);
    await store.close();
  });
});

describe("the schema", () => {
  async function withDatabase(work: (exec: (sql: string) => void) => void): Promise<string> {
    const directory = newPath();
    const store = await openSqliteStore(options(directory));
    await store.close();
    const driver = findDriver().open(path.join(directory, "hub.db"));
    work((sql) => driver.exec(sql));
    driver.close();
    return directory;
  }

  it("of a newer version is refused", async () => {
    const directory = await withDatabase((exec) =>
      exec("INSERT INTO migrations VALUES (9999, '9999-future.sql', 'x', 0)"),
    );
    const error = await refusal(directory);
    expect(error.reason).toBe("newerSchema");
    expect(error.message).toContain("9999-future.sql");
  });

  it("made by another text of a migration is refused", async () => {
    const directory = await withDatabase((exec) =>
      exec("UPDATE migrations SET checksum = 'other' WHERE number = 1"),
    );
    expect(await refusal(directory)).toMatchObject({ reason: "alteredSchema" });
  });

  it("gets each migration once, and none of one that fails", () => {
    const driver = findDriver().open(path.join(root, "migrations.db"));
    const migration = (number: number, sql: string) => ({
      number,
      name: `000${number}-x.sql`,
      sql,
      checksum: String(number),
    });
    const first = migration(1, "CREATE TABLE a (x)");
    const broken = migration(2, "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)");
    migrate(driver, [first], "/data", 5);
    expect(() => migrate(driver, [first, broken], "/data", 6)).toThrow();
    migrate(driver, [first, migration(2, "CREATE TABLE b (x, y)")], "/data", 7);
    const tables = driver.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    );
    expect(tables.all([]).map((row) => row["name"])).toEqual(["a", "b", "migrations"]);
    expect(driver.prepare("SELECT count(*) AS n FROM migrations").get([])).toMatchObject({ n: 2 });
    driver.close();
  });

  it("of the first version is brought up to date, with the events that wait", async () => {
    const directory = newPath();
    mkdirSync(directory);
    const driver = findDriver().open(path.join(directory, "hub.db"));
    migrate(driver, readMigrations().slice(0, 1), directory, 5);
    const event = (n: number): HubEvent => ({
      type: "messageQueued",
      key: { deviceId: "d" },
      at: n,
    });
    for (const n of [3, 4, 5])
      driver.prepare("INSERT INTO outbox VALUES (?, ?)").run([n, JSON.stringify(event(n))]);
    driver.exec("INSERT INTO marks VALUES ('outbox', 2)");
    driver.close();
    const store = await openSqliteStore(options(directory));
    await store.transaction(null, (tx) => tx.emit(event(6)));
    expect(await store.events(0, 10)).toEqual(
      [3, 4, 5, 6].map((sequence) => ({ sequence, event: event(sequence) })),
    );
    await store.close();
  });

  it("has migrations numbered from 1 without gaps", () => {
    const numbers = readMigrations().map((each) => each.number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThan(0);
  });
});
