import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HubStore } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { device, message, reported } from "../conformance/samples.ts";
import { findDriver } from "./find-driver.ts";
import { snapshotDatabase } from "./snapshot.ts";
import { openSqliteStore, StoreOpenError } from "./store.ts";
import { readWalTail } from "./wal-tail.ts";

const root = mkdtempSync(path.join(tmpdir(), "damage-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const newPath = (): string => path.join(root, String(directories++));

function open(directory: string, logged: string[] = []): Promise<HubStore> {
  const write = (_: object, text: string) => void logged.push(text);
  return openSqliteStore({
    directory,
    clock: { now: () => 1_000, after: () => () => {} },
    partitions: 1,
    durability: "os",
    log: { debug() {}, info() {}, warn: write, error: write },
  });
}

const key = { deviceId: "d" };
const moduleKey = { deviceId: "d", moduleId: "m" };
const commits = 12;

describe("a write-ahead log that is damaged at its end", () => {
  /** The files of a hub that was killed after its last commit: nothing but the log holds what it wrote. */
  let database: Buffer;
  let wal: Buffer;
  /** Bytes of the log after each commit. */
  const ends: number[] = [];

  beforeAll(async () => {
    const directory = newPath();
    await (await open(directory)).close();
    database = readFileSync(path.join(directory, "hub.db"));
    const store = await open(directory);
    const reader = findDriver().open(path.join(directory, "hub.db"));
    // As long as somebody reads from before, the log is not begun anew.
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM twins").get([]);
    for (let n = 1; n <= commits; n++) {
      await Promise.all([
        store.transaction(null, (tx) => {
          for (const each of [key, moduleKey]) tx.putTwin(each, reported(newTwin(1), { n }));
        }),
        store.eventLog.append(0, message(moduleKey, `message ${n}`)),
      ]);
      ends.push(statSync(path.join(directory, "hub.db-wal")).size);
    }
    wal = readFileSync(path.join(directory, "hub.db-wal"));
    reader.close();
    await store.close();
  });

  function crashed(log: Buffer): string {
    const directory = newPath();
    mkdirSync(directory);
    writeFileSync(path.join(directory, "hub.db"), database);
    writeFileSync(path.join(directory, "hub.db-wal"), log);
    return directory;
  }

  async function expectState(directory: string, n: number, logged: string[]): Promise<void> {
    const store = await open(directory, logged);
    try {
      for (const each of [key, moduleKey]) {
        const twin = await store.transaction(null, (tx) => tx.twin(each));
        expect([n, twin?.reported.value]).toEqual([n, n === 0 ? undefined : { n }]);
      }
      const rows = await store.eventLog.read(0, 1, 100);
      expect(rows.map((row) => Buffer.from(row.message.body).toString())).toEqual(
        Array.from({ length: n }, (_, index) => `message ${index + 1}`),
      );
      // It goes on from there.
      expect((await store.eventLog.append(0, message(key, "next"))).sequenceNumber).toBe(n + 1);
    } finally {
      await store.close();
    }
  }

  const told =
    "The write-ahead log ends with frames that belong to no whole commit: they are left out";

  it("opens with everything when nothing is damaged, and has nothing to say", async () => {
    const logged: string[] = [];
    const directory = crashed(wal);
    expect(readWalTail(path.join(directory, "hub.db"))?.leftOut).toBe(0);
    await expectState(directory, commits, logged);
    expect(logged).toEqual([]);
  });

  it("opens with every commit that is whole where it was cut off, and says so", async () => {
    const first = ends[0] ?? 0;
    const step = Math.floor((wal.length - first) / 25);
    for (let at = first - 1_000; at < wal.length; at += step) {
      const logged: string[] = [];
      const whole = ends.filter((end) => end <= at).length;
      await expectState(crashed(wal.subarray(0, at)), whole, logged);
      expect([at, logged]).toEqual([at, at === (ends[whole - 1] ?? 0) ? [] : [told]]);
    }
  });

  it("opens with every commit before one in which a bit has changed, and says so", async () => {
    for (let n = 1; n <= commits; n++) {
      const begin = ends[n - 2] ?? 32;
      const changed = Buffer.from(wal);
      const at = begin + Math.floor(((ends[n - 1] ?? 0) - begin) / 2);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      const logged: string[] = [];
      await expectState(crashed(changed), n - 1, logged);
      expect(logged).toEqual([told]);
    }
  });

  it("says so as well when not even its header can be read", async () => {
    const changed = Buffer.from(wal);
    changed[9] = (changed[9] ?? 0) ^ 0x10;
    const logged: string[] = [];
    await expectState(crashed(changed), 0, logged);
    expect(logged).toEqual([told]);
  });

  it("does not take the rest of an older log for damage", async () => {
    const directory = crashed(wal);
    const store = await open(directory);
    const driver = findDriver().open(path.join(directory, "hub.db"));
    // The next commit begins the log anew, over the frames that are there.
    driver.exec("PRAGMA wal_checkpoint(RESTART)");
    driver.close();
    await store.eventLog.append(0, message(key, "short"));
    const copy = newPath();
    mkdirSync(copy);
    for (const name of ["hub.db", "hub.db-wal"])
      copyFileSync(path.join(directory, name), path.join(copy, name));
    await store.close();
    expect(readWalTail(path.join(copy, "hub.db"))).toMatchObject({ leftOut: 0 });
    expect(readWalTail(path.join(copy, "hub.db"))?.committed).toBeGreaterThan(0);
    expect(statSync(path.join(copy, "hub.db-wal")).size).toBe(wal.length);
  });
});

describe("a damaged page of the database", () => {
  const names = Array.from({ length: 30 }, (_, n) => `d${String(n).padStart(3, "0")}`);
  let original: string;
  let expected: Awaited<ReturnType<typeof everything>>;

  beforeAll(async () => {
    original = newPath();
    const store = await open(original);
    await store.transaction(null, (tx) => {
      // No value is longer than a page: SQLite has no checksums, what lies on further pages can't be told from other bytes.
      tx.emit({ type: "identityCreated", key, at: 1, generationId: "1" });
      for (const deviceId of names) {
        tx.putIdentity(device(deviceId));
        for (const each of [{ deviceId }, { deviceId, moduleId: "m" }])
          tx.putTwin(each, reported(newTwin(1), { filler: deviceId.repeat(80) }));
        tx.addToQueue("q", { deviceId }, new Uint8Array(100));
        tx.putDocument("c", deviceId, { deviceId });
      }
    });
    for (const name of names) await store.eventLog.append(0, message(moduleKey, name));
    await store.close();
    const again = await open(original);
    expected = await everything(again);
    await again.close();
  });

  /** Each reading on its own: what it gave, or how it was refused. */
  async function everything(store: HubStore): Promise<Record<string, unknown>> {
    const reads: Record<string, () => Promise<unknown>> = {
      devices: () => store.listDevices(null, 1_000),
      twins: () =>
        store.transaction(null, (tx) =>
          names.map((deviceId) => [tx.twin({ deviceId }), tx.twin({ deviceId, moduleId: "m" })]),
        ),
      scan: () => store.scanTwins({ source: "devices", where: null, after: null, limit: 1_000 }),
      modules: () => store.listTwins("modules", null, 1_000),
      queue: () => store.transaction(null, (tx) => tx.queue("q", 1_000)),
      documents: () => store.transaction(null, (tx) => tx.documents("c")),
      events: () => store.events(0, 1_000),
      log: () => store.eventLog.read(0, 1, 1_000),
    };
    const found: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(reads)) {
      found[name] = await read().catch((error: unknown) => error);
    }
    return found;
  }

  /** A copy of a damaged database is refused, or has everything: indexes are made anew. */
  async function expectNoWrongBackup(directory: string): Promise<void> {
    const copy = newPath();
    mkdirSync(copy);
    const [from, to] = [path.join(directory, "hub.db"), path.join(copy, "hub.db")];
    try {
      snapshotDatabase(directory, from, to, findDriver());
    } catch (error) {
      expect(error).toMatchObject({ name: "StoreOpenError", reason: "corrupt" });
      return;
    }
    const store = await open(copy);
    expect(await everything(store)).toEqual(expected);
    await store.close();
  }

  it("keeps the hub from starting, or refuses what lies on it: it is never served", async () => {
    const file = readFileSync(path.join(original, "hub.db"));
    const pageBytes = file.readUInt16BE(16);
    const outcomes = { unused: 0, refusedAtOpen: 0, refusedReads: 0 };
    for (let page = 0; page * pageBytes < file.length; page++) {
      const directory = newPath();
      mkdirSync(directory);
      const damaged = Buffer.from(file).fill(0xa5, page * pageBytes, (page + 1) * pageBytes);
      writeFileSync(path.join(directory, "hub.db"), damaged);
      const logged: string[] = [];
      const store: unknown = await open(directory, logged).catch((error: unknown) => error);
      if (store instanceof Error) {
        expect(store).toBeInstanceOf(StoreOpenError);
        expect(store.message).toBe(
          `data directory ${directory} holds a hub.db that is not a sound SQLite database: restore it from a backup with 'twinhub restore', or choose another path`,
        );
        outcomes.refusedAtOpen++;
        continue;
      }
      const found = await everything(store as HubStore);
      await (store as HubStore).close();
      const refused = Object.entries(found).filter(([, value]) => value instanceof Error);
      for (const [, error] of refused) {
        expect(error).toBeInstanceOf(HubError);
        expect(error).toMatchObject({
          name: "ServiceUnavailable",
          message: `The database in data directory ${directory} is damaged: stop the hub and restore it from a backup with 'twinhub restore'`,
        });
      }
      // Whatever was not refused is right.
      const rest = {
        ...found,
        ...Object.fromEntries(refused.map(([name]) => [name, expected[name]])),
      };
      expect(rest).toEqual(expected);
      if (refused.length > 0) expect(logged.join()).toContain("restore it from a backup");
      outcomes[refused.length > 0 ? "refusedReads" : "unused"]++;
      await expectNoWrongBackup(directory);
    }
    expect(outcomes.refusedAtOpen).toBeGreaterThan(3);
    expect(outcomes.refusedReads).toBeGreaterThan(10);
  });
});
