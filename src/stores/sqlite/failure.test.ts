import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { patience } from "../../../test/support/patience.ts";
import { HubError } from "../../domain/errors.ts";
import type { Json } from "../../domain/json.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { device, message, reported } from "../conformance/samples.ts";
import { defaultCommitLimits } from "../shared/group-commit.ts";
import type { Driver, DriverModule } from "./driver.ts";
import { findDriver } from "./find-driver.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./store.ts";

const root = mkdtempSync(path.join(tmpdir(), "failure-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** How often a write-ahead log has begun anew, as it says itself. */
function timesBegun(wal: string): number {
  const header = Buffer.alloc(32);
  const file = openSync(wal, "r");
  readSync(file, header);
  closeSync(file);
  return header.readUInt32BE(12);
}

interface Opened {
  readonly options: SqliteStoreOptions;
  /** The connection of the database itself, to make the disk full for it. */
  readonly database: () => Driver;
  readonly logged: string[];
}

function options(more: Partial<SqliteStoreOptions> = {}): Opened {
  const found = findDriver();
  const drivers: Driver[] = [];
  const sqlite: DriverModule = {
    ...found,
    open(file) {
      const driver = found.open(file);
      if (file.endsWith("hub.db")) drivers.push(driver);
      return driver;
    },
  };
  const logged: string[] = [];
  const write = (_: object, text: string) => void logged.push(text);
  return {
    logged,
    database() {
      const driver = drivers.at(-1);
      if (driver === undefined) throw new Error("not open");
      return driver;
    },
    options: {
      directory: path.join(root, String(directories++)),
      clock: { now: () => 1_000, after: () => () => {} },
      partitions: 1,
      durability: "disk",
      log: { debug() {}, info() {}, warn: write, error: write },
      sqlite,
      ...more,
    },
  };
}

/** SQLite then refuses to grow the file, as on a full disk. */
function fill(driver: Driver): void {
  driver.exec("PRAGMA max_page_count = 1");
}

function free(driver: Driver): void {
  driver.exec("PRAGMA max_page_count = 1000000");
}

describe("a full disk", () => {
  const key = { deviceId: "d", moduleId: "m" };
  const large = { text: "x".repeat(20_000) };

  it("refuses the writes of the batch, takes back what they wrote, and recovers", async () => {
    const { options: opening, database, logged } = options();
    const store = await openSqliteStore(opening);
    await store.transaction(key, (tx) => {
      tx.putIdentity(device("d"));
      tx.putTwin(key, newTwin(1));
      tx.emit({ type: "identityCreated", key, at: 1, generationId: "1" });
    });
    fill(database());
    const write = store.transaction(key, (tx) => {
      tx.putTwin(key, reported(newTwin(1), large));
      tx.putIdentity(device("lost"));
      tx.putPolicy({ name: "lost", rights: [], primaryKey: "", secondaryKey: "" });
      tx.emit({ type: "identityCreated", key, at: 2, generationId: "2" });
      tx.addToQueue("q", large, new Uint8Array());
    });
    const appended = store.eventLog.append(0, message(key, "lost"));
    // Both have seen the lost write, and must not answer by it.
    const read = store.transaction(key, (tx) => [
      tx.twin(key)?.version,
      tx.counts().devices,
      tx.policies().length,
      tx.queueLength("q"),
    ]);
    const threw = store.transaction(key, (tx) => {
      if (tx.identity({ deviceId: "lost" }) !== undefined)
        throw new HubError("DeviceAlreadyExists", "lost");
      return "free";
    });
    await expect(write).rejects.toMatchObject({
      name: "ServiceUnavailable",
      message: `The disk of data directory ${opening.directory} is full: nothing was written, free some space and try again`,
    });
    await expect(appended).rejects.toMatchObject({ name: "ServiceUnavailable" });
    expect(await read).toEqual([2, 1, 0, 0]);
    expect(await threw).toBe("free");
    expect(logged).toHaveLength(1);
    expect(await store.transaction(key, (tx) => tx.twin(key)?.reported.value)).toEqual({});
    expect(await store.lastEvent()).toBe(1);
    expect((await store.eventLog.info(0)).lastSequenceNumber).toBe(0);

    free(database());
    await store.transaction(key, (tx) => {
      tx.putTwin(key, reported(newTwin(1), large));
      tx.emit({ type: "identityCreated", key, at: 3, generationId: "3" });
    });
    expect(await store.eventLog.append(0, message(key, "kept"))).toEqual({
      partition: 0,
      sequenceNumber: 1,
    });
    await store.close();
    const again = await openSqliteStore(opening);
    expect(await again.transaction(key, (tx) => tx.twin(key)?.reported.value)).toEqual(large);
    expect((await again.events(0, 10)).map((event) => [event.sequence, event.event.at])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    await again.close();
  });

  it("keeps what is known about connections until there is room", async () => {
    const { options: opening, database, logged } = options();
    const store = await openSqliteStore(opening);
    const heard = new Promise<number>((resolve) => {
      store.onCommitted(([first]) => resolve(first?.sequence ?? 0));
    });
    fill(database());
    await store.transaction(key, (tx) => {
      tx.putPresence(key, { connected: true, stateUpdatedTime: 1, lastActivityTime: 7 });
      tx.emit({ type: "connectionChanged", key, at: 1, connected: true, protocol: "mqtt" });
    });
    const refused = store.transaction(key, (tx) => tx.putTwin(key, reported(newTwin(1), large)));
    await expect(refused).rejects.toMatchObject({ name: "ServiceUnavailable" });
    expect(logged).toHaveLength(1);
    const seen = () => store.transaction(key, (tx) => tx.presence(key)?.lastActivityTime);
    expect(await seen()).toBe(7);
    free(database());
    expect(await heard).toBe(1);
    expect(await seen()).toBe(7);
    await store.close();
  });

  it("does not fail works that write nothing", async () => {
    const { options: opening, database } = options();
    const store = await openSqliteStore(opening);
    fill(database());
    expect(await store.transaction(null, (tx) => tx.counts().devices)).toBe(0);
    expect(await store.listDevices(null, 1)).toEqual([]);
    await store.close();
  });
});

describe("a value that the database does not take", () => {
  it("fails its own work alone", async () => {
    const { options: opening } = options();
    const store = await openSqliteStore(opening);
    let deep: Json = 1;
    for (let n = 0; n < 5_000; n++) deep = { deep };
    const before = store.transaction(null, (tx) => tx.putIdentity(device("before")));
    const broken = store.transaction(null, (tx) => {
      tx.putIdentity(device("broken"));
      tx.putDocument("c", "id", { deep });
    });
    const after = store.transaction(null, (tx) => {
      tx.putIdentity(device("after"));
      return tx.counts().devices;
    });
    await expect(broken).rejects.toMatchObject({ name: "ServiceUnavailable" });
    await before;
    expect(await after).toBe(2);
    const ids = (await store.listDevices(null, 5)).map((identity) => identity.deviceId);
    expect(ids).toEqual(["after", "before"]);
    await store.close();
  });
});

describe("limits", () => {
  it("refuse works beyond those that may wait, and take new ones when they are done", async () => {
    const { options: opening } = options({ limits: { ...defaultCommitLimits, maxWaiting: 3 } });
    const store = await openSqliteStore(opening);
    const works = [1, 2, 3, 4].map((n) => store.transaction(null, () => n));
    const settled = await Promise.allSettled(works);
    expect(settled.map((each) => each.status)).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    await expect(works[3]).rejects.toMatchObject({
      name: "ServiceUnavailable",
      message: "The store has 3 operations waiting, its limit, try again later",
    });
    expect(await store.transaction(null, () => 5)).toBe(5);
    await store.close();
  });

  it("refuse messages beyond the bytes that may wait, but never a message alone", async () => {
    const { options: opening } = options({
      limits: { ...defaultCommitLimits, maxWaitingBytes: 10 },
    });
    const store = await openSqliteStore(opening);
    const key = { deviceId: "d" };
    const alone = store.eventLog.append(0, message(key, "0123456789abcdef"));
    const beyond = store.eventLog.append(0, message(key, "x"));
    await expect(beyond).rejects.toMatchObject({ name: "ServiceUnavailable" });
    expect((await alone).sequenceNumber).toBe(1);
    await store.close();
  });

  it("split a long turn into several commits, in order", async () => {
    const { options: opening } = options({ limits: { ...defaultCommitLimits, maxBatch: 7 } });
    const store = await openSqliteStore(opening);
    const key = { deviceId: "d" };
    const batches: number[] = [];
    store.onCommitted((events) => batches.push(events.length));
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        store.transaction(null, (tx) =>
          tx.emit({ type: "identityCreated", key, at: n, generationId: "1" }),
        ),
      ),
    );
    await store.close();
    expect(batches).toEqual([7, 7, 6]);
  });

  it("write the write-ahead log over again and again while writes go on, without giving up its place", async () => {
    const walBytes = 256 * 1024;
    const { options: opening, logged } = options({ walBytes, durability: "os" });
    const store = await openSqliteStore(opening);
    const wal = path.join(opening.directory, "hub.db-wal");
    const key = { deviceId: "d", moduleId: "m" };
    const body = "x".repeat(16 * 1024);
    await store.eventLog.append(0, message(key, body));
    const first = timesBegun(wal);
    let last = first;
    let size = 0;
    let highest = 0;
    const end = Date.now() + patience;
    while ((last < first + 3 || highest <= walBytes) && Date.now() < end) {
      await store.eventLog.append(0, message(key, body));
      last = timesBegun(wal);
      const before = size;
      ({ size } = statSync(wal));
      // It is cut only where it was longer than it should become.
      expect(size).toBeGreaterThanOrEqual(Math.min(before, 8 * walBytes));
      highest = Math.max(highest, size);
    }
    expect(last).toBeGreaterThanOrEqual(first + 3);
    expect(highest).toBeGreaterThan(walBytes);
    const { lastSequenceNumber } = await store.eventLog.info(0);
    await store.close();
    expect(logged).toEqual([]);
    const again = await openSqliteStore(opening);
    expect((await again.eventLog.info(0)).lastSequenceNumber).toBe(lastSequenceNumber);
    await again.close();
  });
});
