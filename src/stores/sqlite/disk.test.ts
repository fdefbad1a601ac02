import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { patience } from "../../../test/support/patience.ts";
import type { HubStore } from "../../app/ports.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { message, reported } from "../conformance/samples.ts";
import { defaultCommitLimits } from "../shared/group-commit.ts";
import { type Driver, type DriverModule, inTransaction } from "./driver.ts";
import { findDriver } from "./find-driver.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./store.ts";

const root = mkdtempSync(path.join(tmpdir(), "disk-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const key = { deviceId: "d" };
const moduleKey = { deviceId: "d", moduleId: "m" };
const real = findDriver();

/** A disk that a test can make slow or faulty: all commits of the database pass through it. */
class Disk implements DriverModule {
  readonly name = real.name;
  readonly resolved = real.resolved;
  /** How long a flush takes, in milliseconds; the thread stands still meanwhile, as it does in `fdatasync`. */
  flush = 0;
  /** SQLite's result code of the next commits; 0: none. */
  failure = 0;
  commits = 0;

  open(file: string): Driver {
    const driver = real.open(file);
    if (!file.endsWith("hub.db")) return driver;
    const exec = (sql: string): void => {
      if (sql === "COMMIT") this.#commit();
      driver.exec(sql);
    };
    return { ...driver, transaction: (work) => inTransaction(exec, work) };
  }

  #commit(): void {
    if (this.failure !== 0)
      throw Object.assign(new Error("disk I/O error"), { errcode: this.failure });
    this.commits++;
    if (this.flush > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.flush);
  }
}

interface Opened {
  readonly store: HubStore;
  readonly disk: Disk;
  readonly directory: string;
  readonly logged: string[];
}

async function open(
  more: Partial<SqliteStoreOptions> = {},
  directory = path.join(root, String(directories++)),
): Promise<Opened> {
  const disk = new Disk();
  const logged: string[] = [];
  const write = (_: object, text: string) => void logged.push(text);
  const store = await openSqliteStore({
    directory,
    clock: { now: () => 1_000, after: () => () => {} },
    partitions: 1,
    durability: "os",
    log: { debug() {}, info() {}, warn: write, error: write },
    sqlite: disk,
    ...more,
  });
  return { store, disk, directory, logged };
}

/** Writers that each wait for their answer before they go on; gives how many flushes passed until each answer. */
async function write(
  { store, disk }: Pick<Opened, "store" | "disk">,
  writers: number,
  each: number,
): Promise<number[]> {
  const waits: number[] = [];
  const one = async (writer: number): Promise<void> => {
    for (let n = 0; n < each; n++) {
      const began = disk.commits;
      if (writer % 2 === 0) await store.eventLog.append(0, message(moduleKey, `${writer}.${n}`));
      else {
        const deviceId = `d${writer}`;
        await store.transaction(null, (tx) => {
          for (const twin of [{ deviceId }, { deviceId, moduleId: "m" }])
            tx.putTwin(twin, reported(newTwin(1), { n }));
        });
      }
      waits.push(disk.commits - began);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => one(writer)));
  return waits;
}

describe("a disk that takes 100 ms for a flush", () => {
  it("slows each answer down to two flushes at most, however many write at a time", async () => {
    const opened = await open();
    const { store, disk } = opened;
    disk.flush = 100;
    let last = disk.commits;
    let mostInOneTurn = 0;
    // What a head's timers and keep-alives see of it: flushes are what the machine's own speed does not change.
    const ticks = setInterval(() => {
      mostInOneTurn = Math.max(mostInOneTurn, disk.commits - last);
      last = disk.commits;
    }, 5);
    const few = await write(opened, 2, 6);
    const commitsOfFew = disk.commits;
    const many = await write(opened, 400, 6);
    clearInterval(ticks);
    await store.close();
    // As many flushes for two hundred times as many writes.
    expect([few.length, many.length]).toEqual([12, 2_400]);
    expect(disk.commits - commitsOfFew).toBeLessThanOrEqual(2 * commitsOfFew + 2);
    expect(Math.min(...few)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...few, ...many)).toBeLessThanOrEqual(2);
    // The loop turns between any two flushes.
    expect(mostInOneTurn).toBe(1);
  });

  it("does not let what waits grow without bound: more is refused at once", async () => {
    const limits = { ...defaultCommitLimits, maxWaiting: 50, maxWaitingBytes: 10_000 };
    const { store, disk } = await open({ limits });
    disk.flush = 100;
    const flood = Array.from({ length: 200 }, (_, n) =>
      store.eventLog.append(0, message(moduleKey, "x".repeat(n < 100 ? 1 : 400))),
    );
    const settled = await Promise.allSettled(flood);
    const accepted = settled.filter(({ status }) => status === "fulfilled").length;
    expect(accepted).toBe(50);
    for (const result of settled) {
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ name: "ServiceUnavailable" });
    }
    expect((await store.eventLog.info(0)).lastSequenceNumber).toBe(50);
    await store.close();
  });
});

describe("a disk that fails a commit", () => {
  const faults = [
    [
      "with an I/O error",
      10,
      /^The disk of data directory \S+ reports errors: nothing was written, check the disk$/,
    ],
    [
      "because its flush failed",
      10 | (4 << 8),
      /reports errors: nothing was written, check the disk$/,
    ],
    [
      "because it is read-only",
      8,
      /^Data directory \S+ can't be written: nothing was written, make it writable and try again$/,
    ],
    ["because it is full", 13, /is full: nothing was written, free some space and try again$/],
  ] as const;

  it.each(faults)(
    "%s refuses what was written, keeps the rest, and goes on after",
    async (_, code, text) => {
      const { store, disk, directory, logged } = await open();
      await write({ store, disk }, 4, 1);
      const before = await store.transaction(null, (tx) => tx.twin({ deviceId: "d1" }));
      disk.failure = code;
      const refused = await Promise.allSettled([
        store.transaction(null, (tx) => tx.putTwin({ deviceId: "d1" }, newTwin(9))),
        store.transaction(null, (tx) => tx.putTwin(moduleKey, newTwin(9))),
        store.eventLog.append(0, message(moduleKey, "lost")),
      ]);
      for (const result of refused)
        expect(result).toMatchObject({
          reason: { name: "ServiceUnavailable", message: expect.stringMatching(text) },
        });
      expect(logged).toEqual([expect.stringMatching(text)]);
      // What was there is read as before.
      expect(await store.transaction(null, (tx) => tx.twin({ deviceId: "d1" }))).toEqual(before);
      expect((await store.eventLog.read(0, 1, 10)).length).toBe(2);

      disk.failure = 0;
      const { sequenceNumber } = await store.eventLog.append(0, message(key, "kept"));
      expect(sequenceNumber).toBe(3);
      await store.close();
      const again = await open({}, directory);
      const bodies = (await again.store.eventLog.read(0, 1, 10)).map((row) =>
        Buffer.from(row.message.body).toString(),
      );
      expect(bodies).toHaveLength(3);
      expect(bodies).not.toContain("lost");
      expect(await again.store.transaction(null, (tx) => tx.twin(moduleKey))).toBeUndefined();
      await again.store.close();
    },
  );

  it("while nobody writes is not noticed by readers", async () => {
    const { store, disk } = await open();
    await write({ store, disk }, 2, 1);
    disk.failure = 10;
    expect((await store.eventLog.read(0, 1, 10)).length).toBe(1);
    expect(await store.transaction(null, (tx) => tx.twin({ deviceId: "d1" }))).toBeDefined();
    await store.close();
  });
});

describe("a reader in another process, as a backup is one", () => {
  it("holds up nobody, however long it takes, and the log is emptied when it is done", async () => {
    const walBytes = 128 * 1024;
    const { store, directory, logged } = await open({ walBytes });
    const wal = path.join(directory, "hub.db-wal");
    const size = (): number => (existsSync(wal) ? statSync(wal).size : 0);
    const reader = real.open(path.join(directory, "hub.db"));
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM twins").get([]);
    let longest = 0;
    const append = async (): Promise<void> => {
      const began = performance.now();
      await store.eventLog.append(0, message(moduleKey, "x".repeat(8_000)));
      longest = Math.max(longest, performance.now() - began);
      // Checkpoints are made by timers.
      await new Promise((resolve) => setTimeout(resolve, 1));
    };
    while (size() < 16 * walBytes) await append();
    // It would have been ten seconds, the time that a connection waits for another one's lock.
    expect(longest).toBeLessThan(5_000);
    reader.exec("ROLLBACK");
    reader.close();
    const full = size();
    const end = Date.now() + patience;
    while (size() >= full && Date.now() < end) await append();
    expect(size()).toBeLessThan(full);
    await store.close();
    expect(logged).toEqual([]);
  });
});
