import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { HubStore, HubTx } from "../../app/ports.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import { type Report, withReport } from "../../domain/twin/apply-reported.ts";
import { newTwin, type Twin } from "../../domain/twin/twin.ts";
import { device, module, reported } from "../conformance/samples.ts";
import { type Driver, type DriverModule, inTransaction } from "./driver.ts";
import { findDriver } from "./find-driver.ts";
import { snapshotDatabase } from "./snapshot.ts";
import { openSqliteStore } from "./store.ts";
import { defaultJournalLimits, type JournalLimits } from "./twin-journal.ts";

const root = mkdtempSync(path.join(tmpdir(), "journal-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const newPath = (): string => path.join(root, String(directories++));
const databaseOf = (directory: string): string => path.join(directory, "hub.db");

/** Nothing leaves the journal by itself, and every commit uses it. */
const patient: JournalLimits = { ...defaultJournalLimits, few: 0, quiet: 2 ** 30 };
const tiny: JournalLimits = {
  maxTwins: 3,
  maxEntries: 6,
  maxCharacters: 2_500,
  few: 1,
  quiet: 2 ** 30,
};

interface Disk {
  /** SQLite's result code of the next commits; 0: none. */
  failure: number;
}

interface Opened {
  readonly store: HubStore;
  readonly directory: string;
  readonly disk: Disk;
  readonly logged: string[];
}

/** Without a cache for any twin whatever is read comes from the journal or the table. */
const noCache = 1;
/** With one, the journal knows what a row holds, and is told only what differs. */
const someCache = 2 ** 20;

async function open(
  journal: JournalLimits,
  directory = newPath(),
  cacheBytes = noCache,
): Promise<Opened> {
  const disk = { failure: 0 };
  const logged: string[] = [];
  const write = (_: object, text: string) => void logged.push(text);
  const store = await openSqliteStore({
    directory,
    clock: { now: () => 1_000, after: () => () => {} },
    partitions: 1,
    durability: "os",
    log: { debug() {}, info() {}, warn: write, error: write },
    cacheBytes,
    journal,
    sqlite: failing(disk),
  });
  return { store, directory, disk, logged };
}

/** The driver with commits that fail when the disk does. */
function failing(disk: Disk): DriverModule {
  const real = findDriver();
  const openFile = (file: string): Driver => {
    const driver = real.open(file);
    const exec = (sql: string): void => {
      if (sql === "COMMIT" && disk.failure !== 0)
        throw Object.assign(new Error("disk I/O error"), { errcode: disk.failure });
      driver.exec(sql);
    };
    return { ...driver, transaction: (work) => inTransaction(exec, work) };
  };
  return { name: real.name, resolved: real.resolved, open: openFile };
}

/** A copy of the files as a crash would leave them. Another process copies: closing a file here would drop our locks. */
function crashed(directory: string): string {
  const copy = newPath();
  execFileSync("cp", ["-r", directory, copy]);
  return copy;
}

/** The rows of the journal, each with its entries. */
function entries(directory: string): unknown[][][] {
  const driver = findDriver().open(databaseOf(directory));
  try {
    const sql = "SELECT CAST(twins AS TEXT) AS twins FROM twin_journal ORDER BY sequence";
    const rows = driver.prepare(sql).all([]);
    return rows.map((row) => JSON.parse(String(row["twins"])) as unknown[][]);
  } finally {
    driver.close();
  }
}

/** What the files hold: rows of the journal, and versions in the table of twins. */
function stored(directory: string): { journal: number; versions: Record<string, number> } {
  const driver = findDriver().open(databaseOf(directory));
  try {
    const journal = Number(driver.prepare("SELECT count(*) AS n FROM twin_journal").get([])?.["n"]);
    const rows = driver.prepare("SELECT device_id, module_id, version FROM twins").all([]);
    const nameOf = (row: (typeof rows)[number]): string =>
      [row["device_id"], row["module_id"]].filter((each) => each !== "").join("/");
    return {
      journal,
      versions: Object.fromEntries(rows.map((row) => [nameOf(row), Number(row["version"])])),
    };
  } finally {
    driver.close();
  }
}

const key: IdentityKey = { deviceId: "d" };
const moduleKey: IdentityKey = { deviceId: "d", moduleId: "m" };
const both = [key, moduleKey];

function create(tx: HubTx, at: IdentityKey, twin: Twin): void {
  tx.putIdentity(
    at.moduleId === undefined ? device(at.deviceId) : module(at.deviceId, at.moduleId),
  );
  tx.putTwin(at, twin);
}

async function report(store: HubStore, keys: readonly IdentityKey[], n: number): Promise<void> {
  await store.transaction(null, (tx) => {
    for (const each of keys) tx.putTwin(each, reported(tx.twin(each) ?? newTwin(1), { n }));
  });
}

async function prepared(limits: JournalLimits, cacheBytes = noCache): Promise<Opened> {
  const opened = await open(limits, newPath(), cacheBytes);
  await opened.store.transaction(null, (tx) => {
    for (const each of both) create(tx, each, newTwin(1));
  });
  return opened;
}

/** As a device or module does it: the store is told what was reported. */
async function reportTold(store: HubStore, at: IdentityKey, n: number): Promise<void> {
  await store.transaction(at, (tx) => {
    const told = { change: { n }, at: n };
    tx.putReport(at, withReport(tx.twin(at) ?? newTwin(1), told), told);
  });
}

/** A service's write of a section, or of both. */
async function write(
  store: HubStore,
  keys: readonly IdentityKey[],
  sections: { readonly tags?: number; readonly desired?: number },
): Promise<void> {
  await store.transaction(null, (tx) => {
    for (const each of keys) tx.putTwin(each, written(tx.twin(each) ?? newTwin(1), sections));
  });
}

/** The twin after a service's write of these numbers. */
function written(
  twin: Twin,
  { tags, desired }: { readonly tags?: number; readonly desired?: number },
): Twin {
  const { version, etagCounter } = twin;
  const next = { ...twin, version: version + 1, etagCounter: etagCounter + 1 };
  return {
    ...next,
    ...(tags === undefined ? {} : { tags: { n: tags } }),
    ...(desired === undefined ? {} : { desired: desiredOf(twin, desired) }),
  };
}

function desiredOf({ desired }: Twin, n: number): Twin["desired"] {
  return { value: { n }, metadata: { t: n }, version: desired.version + 1 };
}

const everyTwin = { where: null, after: null, limit: 100 } as const;

describe("the journal of twins", () => {
  it("holds what a commit of many has changed, and the table gets it when it is read", async () => {
    const { store, directory } = await prepared(patient);
    await report(store, both, 1);
    expect(stored(directory)).toEqual({ journal: 2, versions: {} });
    for (const each of both)
      expect((await store.transaction(null, (tx) => tx.twin(each)))?.version).toBe(3);
    const { rows } = await store.scanTwins({ source: "devices.modules", ...everyTwin });
    expect(rows.map((row) => row.twin.reported.value)).toEqual([{ n: 1 }]);
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 3 } });
    await report(store, both, 2);
    const listed = await store.listTwins("devices", null, 10);
    expect(listed.map(({ twin }) => twin.reported.value)).toEqual([{ n: 2 }]);
    expect(stored(directory).journal).toBe(0);
    await store.close();
  });

  it("is left out by a commit of few twins, unless it holds one of them already", async () => {
    const { store, directory } = await prepared({ ...patient, few: 1 });
    expect(stored(directory)).toEqual({ journal: 1, versions: {} });
    await store.listTwins("devices", null, 1);
    await report(store, [key], 1);
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 2 } });
    await report(store, both, 2);
    await report(store, [moduleKey], 3);
    expect(stored(directory)).toEqual({ journal: 2, versions: { d: 3, "d/m": 2 } });
    const copy = await open(patient, crashed(directory));
    expect(stored(copy.directory)).toEqual({ journal: 0, versions: { d: 4, "d/m": 4 } });
    await copy.store.close();
    await store.close();
  });

  it("is told of a twin only the sections in which its row differs", async () => {
    const { store, directory } = await prepared(patient, someCache);
    const section = (n: number, version: number) => [version, { t: n }, { n }];
    await store.listTwins("devices", null, 1);
    await write(store, both, { tags: 1 });
    expect(entries(directory).flat()).toEqual([
      ["d", 3, 2, { n: 1 }, 0, 0],
      ["d/m", 3, 2, { n: 1 }, 0, 0],
    ]);
    await store.listTwins("devices", null, 1);
    await write(store, both, { desired: 2 });
    await report(store, [moduleKey], 3);
    expect(entries(directory).flat()).toEqual([
      ["d", 4, 3, 0, section(2, 2), 0],
      ["d/m", 4, 3, 0, section(2, 2), 0],
      ["d/m", 5, 3, 0, section(2, 2), [2, expect.anything(), { n: 3 }]],
    ]);
    const twins = await store.transaction(null, (tx) => both.map((each) => tx.twin(each)));
    const copy = await open(patient, crashed(directory));
    const again = await copy.store.transaction(null, (tx) => both.map((each) => tx.twin(each)));
    expect(again).toEqual(twins);
    expect(again.map((twin) => twin?.tags)).toEqual([{ n: 1 }, { n: 1 }]);
    await copy.store.close();
    await store.close();
  });

  it("is told of all of a twin that is new, or that the cache does not hold", async () => {
    const { store, directory } = await prepared(patient, someCache);
    const lengths = (): number[] =>
      entries(directory)
        .flat()
        .map(({ length }) => length);
    expect(lengths()).toEqual([7, 7]);
    await write(store, both, { tags: 1 });
    expect(lengths()).toEqual([7, 7, 7, 7]);
    await store.close();
    const again = await open(patient, directory, noCache);
    await write(again.store, [key], { tags: 2 });
    expect(lengths()).toEqual([7]);
    await again.store.close();
  });

  it("is empty after a quiet time", async () => {
    const { store, directory } = await prepared({ ...patient, quiet: 1 });
    const expected = { journal: 0, versions: { d: 2, "d/m": 2 } };
    await expect.poll(() => stored(directory), { timeout: 30_000 }).toEqual(expected);
    await store.close();
  });

  it("is empty when the store is closed, and before an index is made", async () => {
    const { store, directory } = await prepared(patient);
    expect(await store.ensureIndexes([["tags", "site"]])).toBe(true);
    expect(stored(directory).journal).toBe(0);
    await report(store, both, 1);
    expect(stored(directory).journal).toBe(1);
    await store.close();
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 3 } });
  });

  it("drops what is old, and writes only rows of twins that have not changed since", async () => {
    const { store, directory } = await prepared({ ...patient, maxEntries: 4 });
    for (let n = 1; n <= 10; n++) await report(store, [moduleKey], n);
    expect(stored(directory)).toEqual({ journal: 4, versions: { d: 2 } });
    await store.close();
  });

  it.each([
    ["a device", key],
    ["a module", moduleKey],
  ])("holds the reports of %s as they came, behind what they are reports of", async (_, at) => {
    const { store, directory } = await prepared(patient);
    for (let n = 1; n <= 3; n++) await reportTold(store, at, n);
    const name = keyText(at);
    expect(entries(directory).slice(1)).toEqual([
      [[name, 3, 1, { n: 1 }]],
      [[name, 4, 2, { n: 2 }]],
      [[name, 5, 3, { n: 3 }]],
    ]);
    const copy = await open(patient, crashed(directory));
    const expected = { version: 4, value: { n: 3 }, metadata: { t: 3, k: { n: { t: 3 } } } };
    for (const each of [store, copy.store]) {
      const twin = await each.transaction(null, (tx) => tx.twin(at));
      expect(twin).toMatchObject({ version: 5, reported: expected });
      await each.close();
    }
  });

  it("holds what several reports of one turn have changed, in their order", async () => {
    const { store, directory } = await prepared(patient);
    await Promise.all([1, 2].flatMap((n) => both.map((at) => reportTold(store, at, n))));
    expect(entries(directory)[1]).toEqual([
      ["d", 3, 1, { n: 1 }],
      ["d", 4, 2, { n: 2 }],
      ["d/m", 3, 1, { n: 1 }],
      ["d/m", 4, 2, { n: 2 }],
    ]);
    await store.close();
  });

  it("holds the section where something else than a report has happened in the same turn", async () => {
    const { store, directory } = await prepared(patient, someCache);
    await store.listTwins("devices", null, 1);
    await Promise.all([report(store, [key], 1), reportTold(store, key, 2)]);
    await Promise.all([reportTold(store, moduleKey, 3), report(store, [moduleKey], 4)]);
    expect(entries(directory)).toEqual([
      [["d", 4, 1, 0, 0, [3, { t: 2, k: { n: { t: 2 } } }, { n: 2 }]]],
      [["d/m", 4, 1, 0, 0, [3, { t: 3, k: { n: { t: 3 } } }, { n: 4 }]]],
    ]);
    await store.close();
  });

  it("replaces reports that have become longer than what they are reports of", async () => {
    const { store, directory } = await prepared(patient, someCache);
    await store.listTwins("devices", null, 1);
    for (let n = 0; n < 100; n++) await reportTold(store, moduleKey, n);
    const texts = entries(directory).flat();
    let sections = 0;
    let reports = 0;
    for (const [index, entry] of texts.entries()) {
      if (entry.length === 6) reports = 0;
      else reports += JSON.stringify(entry).length;
      if (entry.length === 6) sections++;
      // The texts of an empty twin have 200 characters.
      expect([index, reports < 700]).toEqual([index, true]);
    }
    expect([texts.length, sections > 2, sections < 20]).toEqual([100, true, true]);
    await store.close();
  });

  it("drops reports with what they are reports of, and writes the row that they would have led to", async () => {
    const { store, directory } = await prepared({ ...patient, maxEntries: 10 });
    await reportTold(store, key, 1);
    for (let n = 1; n <= 30; n++) await reportTold(store, moduleKey, n);
    expect(stored(directory)).toEqual({ journal: 10, versions: { d: 3 } });
    const copy = await open(patient, crashed(directory));
    expect(stored(copy.directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 32 } });
    await copy.store.close();
    await store.close();
  });

  it("leaves out reports that a row has already which was written when their beginning was dropped", async () => {
    const { store, directory } = await prepared({ ...patient, maxEntries: 5 });
    // The journal holds both twins; then a report; then more of the other twin than it has room for.
    await reportTold(store, key, 1);
    await report(store, [moduleKey], 1);
    await report(store, [moduleKey], 2);
    await report(store, [moduleKey], 3);
    expect(entries(directory).map((row) => row.map(([name]) => name))).toEqual([
      ["d"],
      ["d/m"],
      ["d/m"],
      ["d/m"],
    ]);
    expect(stored(directory).versions).toEqual({ d: 3 });
    await reportTold(store, key, 4);
    const copy = await open(patient, crashed(directory));
    expect(stored(copy.directory)).toEqual({ journal: 0, versions: { d: 4, "d/m": 5 } });
    const twin = await copy.store.transaction(null, (tx) => tx.twin(key));
    expect(twin?.reported).toEqual({
      version: 3,
      value: { n: 4 },
      metadata: { t: 4, k: { n: { t: 4 } } },
    });
    await copy.store.close();
    await store.close();
  });

  it("takes no more twins than its limit: the rows of others are written at once", async () => {
    const { store, directory } = await prepared({ ...patient, maxTwins: 1 });
    expect(stored(directory)).toEqual({ journal: 1, versions: { "d/m": 2 } });
    await report(store, both, 1);
    expect(stored(directory)).toEqual({ journal: 2, versions: { "d/m": 3 } });
    await store.close();
  });

  it("is emptied by a commit that is too large for it", async () => {
    const { store, directory } = await prepared({ ...patient, maxCharacters: 2_000 });
    await store.transaction(null, (tx) =>
      tx.putTwin(moduleKey, reported(newTwin(1), { text: "x".repeat(2_000) })),
    );
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 2, "d/m": 3 } });
    await store.close();
  });

  it("is part of a snapshot, whoever takes it", async () => {
    const { store, directory } = await prepared(patient);
    await report(store, both, 1);
    const copy = newPath();
    execFileSync("mkdir", [copy]);
    snapshotDatabase(directory, databaseOf(directory), databaseOf(copy), findDriver());
    expect(stored(copy).journal).toBe(2);
    const again = await open(patient, copy);
    for (const each of both)
      expect((await again.store.transaction(null, (tx) => tx.twin(each)))?.version).toBe(3);
    await again.store.close();
    await store.close();
  });
});

describe("a disk that fails", () => {
  const full = 13;

  it("when the journal is emptied refuses queries, not reads by key, and loses nothing", async () => {
    const { store, directory, disk, logged } = await prepared(patient);
    await report(store, both, 1);
    disk.failure = full;
    const message = `The disk of data directory ${directory} is full: free some space and try again`;
    const refusal = { name: "ServiceUnavailable", message };
    const source = "devices";
    await expect(store.scanTwins({ source, ...everyTwin })).rejects.toMatchObject(refusal);
    await expect(store.listTwins("modules", null, 1)).rejects.toMatchObject(refusal);
    await expect(store.ensureIndexes([["tags", "site"]])).rejects.toMatchObject(refusal);
    for (const each of both)
      expect((await store.transaction(null, (tx) => tx.twin(each)))?.version).toBe(3);
    expect(logged).toEqual([message]);
    disk.failure = 0;
    const { rows } = await store.scanTwins({ source, ...everyTwin });
    expect(rows.map((row) => row.twin.reported.value)).toEqual([{ n: 1 }]);
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 3 } });
    await store.close();
  });

  it("when something is put into it leaves it as it was", async () => {
    const { store, directory, disk } = await prepared({ ...patient, maxEntries: 4 });
    await report(store, both, 1);
    disk.failure = full;
    await expect(report(store, both, 2)).rejects.toMatchObject({ name: "ServiceUnavailable" });
    expect(stored(directory)).toEqual({ journal: 2, versions: {} });
    for (const each of both)
      expect((await store.transaction(null, (tx) => tx.twin(each)))?.version).toBe(3);
    disk.failure = 0;
    await report(store, both, 3);
    const copy = await open(patient, crashed(directory));
    for (const { store: each } of [copy, { store }]) {
      const twin = await each.transaction(null, (tx) => tx.twin(moduleKey));
      expect([twin?.version, twin?.reported.value]).toEqual([4, { n: 3 }]);
      await each.close();
    }
  });

  it("when the store is closed leaves the journal to the next start", async () => {
    const { store, directory, disk } = await prepared(patient);
    await report(store, both, 1);
    disk.failure = full;
    await store.close();
    expect(stored(directory)).toEqual({ journal: 2, versions: {} });
    const again = await open(patient, directory);
    expect(stored(directory)).toEqual({ journal: 0, versions: { d: 3, "d/m": 3 } });
    await again.store.close();
  });
});

describe("a report that an earlier build left in the journal when it was killed", () => {
  it.each([
    ["device", key],
    ["module", moduleKey],
  ])("is the newest of a %s", async (_, whose) => {
    const { store, directory } = await prepared(patient);
    await store.listTwins("devices", null, 1);
    await report(store, both, 3);
    const copy = crashed(directory);
    await store.close();
    const driver = findDriver().open(databaseOf(copy));
    const entry = JSON.stringify([[keyText(whose), 7, 5, { t: 9 }, { n: 9 }]]);
    driver.exec(`UPDATE twin_journal SET twins = CAST('${entry}' AS BLOB)`);
    driver.close();
    const again = await open(patient, copy);
    const read = () => again.store.transaction(null, (tx) => tx.twin(whose));
    expect(await read()).toEqual({
      ...newTwin(1),
      version: 7,
      reported: { version: 5, metadata: { t: 9 }, value: { n: 9 } },
    });
    await again.store.close();
  });
});

describe("a damaged row of the journal", () => {
  it.each([
    ["no JSON", "'[[\"d/m\",3'"],
    ["no UTF-8", "x'5b5b22a5a5a5225d5d'"],
    ["no entry", "'[[\"d/m\",3]]'"],
    ["no key", "'[[3]]'"],
    ["sections of nothing", '\'[["x",3,2,{"n":1},0,0]]\''],
    ["a report of nothing", '\'[["x",3,1,{"n":1}]]\''],
    [
      "a report that does not follow",
      '\'[["d/m",3,2,0,0,[2,{"t":1},{"n":1}]],["d/m",5,1,{"n":1}]]\'',
    ],
    ["a section that is none", "'[[\"d/m\",3,2,0,0,1]]'"],
  ])("keeps the hub from starting: %s", async (_, bytes) => {
    const { store, directory } = await prepared(patient);
    const copy = crashed(directory);
    await store.close();
    const driver = findDriver().open(databaseOf(copy));
    driver.exec(`UPDATE twin_journal SET twins = CAST(${bytes} AS BLOB)`);
    driver.close();
    await expect(open(patient, copy)).rejects.toMatchObject({
      name: "StoreOpenError",
      reason: "corrupt",
      message: `data directory ${copy} holds a hub.db that is not a sound SQLite database: restore it from a backup with 'twinhub restore', or choose another path`,
    });
    expect(stored(copy)).toEqual({ journal: 1, versions: {} });
  });
});

/** One turn: works that are asked for together, each about one twin; or a look from outside. */
type Step =
  | { readonly do: "work"; readonly works: readonly Work[] }
  | { readonly do: "look" | "reopen" | "crash" };

interface Work {
  /** `section`: the reported section is another one, and nobody says by which report. */
  readonly what: "report" | "section" | "desire" | "tag" | "both" | "announce" | "delete";
  readonly at: number;
  readonly n: number;
}

const keys: readonly IdentityKey[] = [0, 1].flatMap((n) => [
  { deviceId: `d${n}` },
  { deviceId: `d${n}`, moduleId: "m" },
]);

const workArbitrary: fc.Arbitrary<Work> = fc.record({
  what: fc.constantFrom(
    ...([
      "report",
      "report",
      "report",
      "report",
      "section",
      "desire",
      "tag",
      "both",
      "announce",
      "delete",
    ] as const),
  ),
  at: fc.nat({ max: keys.length - 1 }),
  n: fc.nat({ max: 400 }),
});

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.array(workArbitrary, { minLength: 1, maxLength: 8 }).map(turnOf) },
  { weight: 3, arbitrary: workArbitrary.map((work) => turnOf([work])) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("look", "reopen", "crash").map((each) => ({ do: each })),
  },
);

function turnOf(works: readonly Work[]): Step {
  return { do: "work", works };
}

/** The twin after a work; null if it is gone. */
function changed(twin: Twin | null, { what, n }: Work): Twin | null {
  const before = twin ?? newTwin(n);
  switch (what) {
    case "report":
      return withReport(before, reportOf(n));
    case "section":
      return reported(before, { n, text: "ü".repeat(n) });
    case "desire":
      return written(before, { desired: n });
    case "tag":
      return written(before, { tags: n });
    case "both":
      return written(before, { tags: n, desired: n });
    case "announce":
      return { ...before, modelId: `dtmi:m;${n + 1}` };
    case "delete":
      return null;
  }
}

/** Small ones and large ones; some remove what others have written. */
function reportOf(n: number): Report {
  const nested = { [`k${n % 3}`]: n % 5 === 0 ? null : n };
  const text = n % 4 === 0 ? "ü".repeat(n) : null;
  return { change: n % 7 === 0 ? { nested: n } : { nested, text, n }, at: n };
}

class Run {
  opened: Opened;
  readonly #cacheBytes: number;
  readonly #model: (Twin | null)[] = keys.map(() => null);

  constructor(opened: Opened, cacheBytes: number) {
    this.opened = opened;
    this.#cacheBytes = cacheBytes;
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "work":
        await Promise.all(step.works.map((work) => this.#work(work)));
        return this.#expectKeys(this.opened.store);
      case "look":
        return this.#expectRows(this.opened.store);
      case "reopen":
        await this.opened.store.close();
        this.opened = await open(tiny, this.opened.directory, this.#cacheBytes);
        return this.#expectKeys(this.opened.store);
      case "crash": {
        const { store } = await open(tiny, crashed(this.opened.directory));
        await this.#expectKeys(store);
        await this.#expectRows(store);
        return store.close();
      }
    }
  }

  #work(work: Work): Promise<void> {
    const at = keys[work.at] ?? key;
    this.#model[work.at] = changed(this.#model[work.at] ?? null, work);
    return this.opened.store.transaction(at, (tx) => {
      const before = tx.twin(at);
      const twin = changed(before ?? null, work);
      if (before !== undefined && twin !== null && work.what === "report")
        tx.putReport(at, twin, reportOf(work.n));
      else if (twin !== null) create(tx, at, twin);
      else {
        tx.deleteTwin(at);
        tx.deleteIdentity(at);
      }
    });
  }

  async #expectKeys(store: HubStore): Promise<void> {
    const found = await store.transaction(null, (tx) => keys.map((each) => tx.twin(each) ?? null));
    expect(found).toEqual(this.#model);
  }

  async #expectRows(store: HubStore): Promise<void> {
    const isThere = (twin: Twin | null): boolean => twin !== null;
    for (const [of, first] of [
      ["devices", 0],
      ["modules", 1],
    ] as const) {
      const twins = await store.listTwins(of, null, 100);
      const expected = this.#model.filter((twin, n) => n % 2 === first && isThere(twin));
      expect(twins.map(({ twin }) => twin)).toEqual(expected);
    }
    const { rows } = await store.scanTwins({ source: "devices", ...everyTwin });
    expect(rows.map(({ twin }) => twin)).toEqual(
      this.#model.filter((twin, n) => n % 2 === 0 && isThere(twin)),
    );
  }
}

describe.each([
  ["that the cache does not hold", noCache],
  ["that it holds", someCache],
])("whatever is written, deleted, made again, read, closed and killed", (what, cacheBytes) => {
  it(`twins ${what} are as if there were no journal`, { timeout: 300_000 }, async () => {
    const steps = fc.array(stepArbitrary, { minLength: 12, maxLength: 20, size: "max" });
    const property = fc.asyncProperty(steps, async (all) => {
      const run = new Run(await open(tiny, newPath(), cacheBytes), cacheBytes);
      try {
        for (const step of [...all, { do: "crash" }, { do: "look" }] as const) await run.step(step);
      } finally {
        await run.opened.store.close();
      }
    });
    await fc.assert(property, { seed: 20_261_123, numRuns: 12 });
  });
});
