import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlobDescription } from "../../domain/files/blob.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { openFileBlobStore } from "../blobs/file-system.ts";
import { device, message, reported } from "../conformance/samples.ts";
import { readMigrations } from "../sqlite/migrate.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../sqlite/store.ts";
import { createBackup } from "./create-backup.ts";
import { parseManifest } from "./manifest.ts";
import { restoreBackup } from "./restore-backup.ts";
import { readTar, tarEnd, tarHeader, tarPadding } from "./tar.ts";

const root = mkdtempSync(path.join(tmpdir(), "backup-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let paths = 0;
const newPath = (end = ""): string => path.join(root, `${paths++}${end}`);

const now = (): number => Date.parse("2026-05-06T07:08:09.123Z");
const version = "1.2.3";
const newest = readMigrations().at(-1)?.number ?? 0;
const key = { deviceId: "d" };
const moduleKey = { deviceId: "d", moduleId: "m" };

const options = (directory: string): SqliteStoreOptions => ({
  directory,
  clock: { now, after: () => () => {} },
  partitions: 1,
  durability: "os",
  log: { debug() {}, info() {}, warn() {}, error() {} },
});

const description: BlobDescription = { contentType: "image/jpeg", metadata: {} };

async function* content(text: string) {
  yield Buffer.from(text);
}

/** A data directory with something in every corner, left open for as long as `during` runs. */
async function withHub<T>(directory: string, during: () => Promise<T>): Promise<T> {
  const store = await openSqliteStore(options(directory));
  await store.transaction(null, (tx) => {
    tx.putIdentity(device("d"));
    for (const each of [key, moduleKey]) tx.putTwin(each, reported(newTwin(1), { at: 42 }));
    tx.emit({ type: "identityCreated", key: moduleKey, at: 1, generationId: "1" });
    tx.addToQueue("q", { n: 1 }, Buffer.from("queued"));
  });
  await store.eventLog.append(0, message(moduleKey, "logged"));
  const blobs = await openFileBlobStore({
    directory: path.join(directory, "blobs"),
    clock: { now },
    durability: "os",
    reserve: 0,
  });
  await blobs.putBlob(
    "d/photo.jpg",
    content("pixels"),
    () => ({}) as never,
    () => {},
  );
  await blobs.putBlock("d/film", Buffer.alloc(64, 255), content("first minute"));
  mkdirSync(path.join(directory, "tls"), { mode: 0o700 });
  writeFileSync(path.join(directory, "tls", "ca.pem"), "certificate", { mode: 0o644 });
  writeFileSync(path.join(directory, "tls", "ca-key.pem"), "key", { mode: 0o600 });
  try {
    return await during();
  } finally {
    await store.close();
  }
}

/** What a store says of itself; opening it makes it the user of the directory. */
async function stateOf(directory: string) {
  const store = await openSqliteStore(options(directory));
  const blobs = await openFileBlobStore({
    directory: path.join(directory, "blobs"),
    clock: { now },
    durability: "os",
  });
  const read = await blobs.read("d/photo.jpg");
  const pixels: Uint8Array[] = [];
  for await (const chunk of read?.content ?? []) pixels.push(chunk);
  const block = { from: "latest", id: Buffer.alloc(64, 255).toString("base64") } as const;
  await blobs.commit("d/film", [block], description, () => {});
  const state = {
    devices: await store.listDevices(null, 10),
    twins: await store.transaction(null, (tx) => [tx.twin(key), tx.twin(moduleKey)]),
    queue: await store.transaction(null, (tx) => tx.queue("q", 10).map((item) => item.value)),
    events: await store.events(0, 10),
    log: (await store.eventLog.read(0, 1, 10)).map((row) =>
      Buffer.from(row.message.body).toString(),
    ),
    photo: Buffer.concat(pixels).toString(),
    film: (await blobs.properties("d/film"))?.size,
    key: readFileSync(path.join(directory, "tls", "ca-key.pem"), "utf8"),
  };
  await store.close();
  return state;
}

let original: string;
let archive: string;
let folder: string;
beforeAll(async () => {
  original = newPath();
  archive = newPath(".tar");
  folder = newPath();
  await withHub(original, async () => {
    await createBackup({ directory: original, target: archive, version, now });
    await createBackup({ directory: original, target: folder, version, now });
  });
});

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

async function refusal(source: string, directory = newPath(), force = false): Promise<string> {
  const error: unknown = await restoreBackup({ source, directory, force, now }).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("it was restored");
  expect(["BackupError", "StoreOpenError"]).toContain(error.name);
  expect(error.message).not.toMatch(/[\n;]/);
  // Nothing but the lock's file is left behind.
  if (!force && existsSync(directory))
    expect(readdirSync(directory).filter((name) => !name.startsWith("hub.lock"))).toEqual([]);
  return error.message;
}

/** Only the archive is told from a directory; everything else must hold for both. */
const forms = [
  ["archive", () => archive],
  ["directory", () => folder],
] as const;

describe("a backup of a running hub", () => {
  it.each(forms)("as %s brings everything back elsewhere", async (_, source) => {
    const directory = newPath();
    const { manifest, replaced } = await restoreBackup({
      source: source(),
      directory,
      force: false,
      now,
    });
    expect(manifest).toMatchObject({
      version,
      createdTime: "2026-05-06T07:08:09.123Z",
      schema: newest,
    });
    expect(replaced).toBeNull();
    expect(filesIn(directory).filter((file) => (statSync(file).mode & 0o77) !== 0)).toEqual([]);
    const state = await stateOf(directory);
    expect(state).toMatchObject({
      queue: [{ n: 1 }],
      log: ["logged"],
      photo: "pixels",
      film: "first minute".length,
      key: "key",
    });
    expect(state.twins.map((twin) => twin?.reported.value)).toEqual([{ at: 42 }, { at: 42 }]);
    expect(state).toEqual(await stateOf(copy(original)));
  });

  it("holds private files, and nothing that belongs to a process", () => {
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = filesIn(folder);
    expect(files.filter((file) => (statSync(file).mode & 0o777) !== 0o600)).toEqual([]);
    const names = files.map((file) => path.relative(folder, file));
    expect(names.filter((name) => !name.startsWith("blobs")).sort()).toEqual([
      "hub.db",
      "manifest.json",
      "tls/ca-key.pem",
      "tls/ca.pem",
    ]);
    expect(names.filter((name) => name.startsWith("blobs"))).toHaveLength(3);
  });

  it("as archive is one that tar reads", () => {
    const listed = execFileSync("tar", ["tf", archive], { encoding: "utf8" }).trim().split("\n");
    const names = filesIn(folder).map((file) => path.relative(folder, file));
    expect(listed.toSorted()).toEqual(names.toSorted());
    const read = execFileSync("tar", ["xOf", archive, "manifest.json"], { encoding: "utf8" });
    expect(
      parseManifest(read)
        .files.map(({ name }) => name)
        .toSorted(),
    ).toEqual(names.filter((name) => name !== "manifest.json").toSorted());
  });

  it("does not overwrite what is there, and says when there is no hub", async () => {
    const again = createBackup({ directory: original, target: archive, version, now });
    await expect(again).rejects.toMatchObject({
      name: "BackupError",
      message: `${archive} is there already: choose another name, or remove it`,
    });
    const nowhere = newPath();
    const none = createBackup({ directory: newPath(), target: nowhere, version, now });
    await expect(none).rejects.toThrow(/holds no hub: there is no hub\.db/);
    expect(readdirSync(root).filter((name) => name.includes("partial"))).toEqual([]);
    expect(existsSync(nowhere)).toBe(false);
  });
});

function copy(of: string): string {
  const target = newPath(path.extname(of));
  cpSync(of, target, { recursive: true });
  return target;
}

/** Changes one byte in the middle. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

describe("a damaged backup is refused, and nothing is restored,", () => {
  it("when a byte of any file has changed", async () => {
    for (const file of filesIn(folder)) {
      const damaged = copy(folder);
      const name = path.relative(folder, file);
      flip(path.join(damaged, name));
      expect(await refusal(damaged)).toMatch(/^The backup is damaged, |newer version/);
      if (name !== "manifest.json")
        expect(await refusal(damaged)).toContain(`the SHA-256 of ${name} is not the manifest's`);
    }
  });

  it("when a file is missing, longer, or too much", async () => {
    const missing = copy(folder);
    rmSync(path.join(missing, "tls/ca.pem"));
    expect(await refusal(missing)).toContain("tls/ca.pem is missing");
    const longer = copy(folder);
    appendFileSync(path.join(longer, "tls/ca.pem"), "x");
    expect(await refusal(longer)).toContain("tls/ca.pem has 12 bytes where the manifest says 11");
    const more = copy(folder);
    writeFileSync(path.join(more, "tls", "extra.pem"), "x");
    expect(await refusal(more)).toContain("tls/extra.pem is not in the manifest");
    rmSync(path.join(more, "manifest.json"));
    expect(await refusal(more)).toContain("has no manifest.json");
  });

  it("when an archive is cut off anywhere, changed, or something else", async () => {
    const { size } = statSync(archive);
    for (const length of [0, 1, 511, 512, Math.floor(size / 2), size - 1024 - 512]) {
      const cut = copy(archive);
      truncateSync(cut, length);
      expect(await refusal(cut)).toMatch(/is no whole archive|is missing/);
    }
    const changed = copy(archive);
    flip(changed);
    expect(await refusal(changed)).toMatch(/^The backup is damaged/);
    const text = newPath(".tar");
    writeFileSync(text, "no archive ".repeat(200));
    expect(await refusal(text)).toContain("it is no whole archive");
    expect(await refusal(newPath(".tar"))).toContain("ENOENT");
  });

  it("when it names a file that does not belong into a data directory", async () => {
    for (const name of ["../outside", "/etc/outside", "tls/../../outside", "hub.json", "tls/.."]) {
      const file = newPath(".tar");
      writeFileSync(
        file,
        Buffer.concat([tarHeader(name, 1, 0), Buffer.from("x"), tarPadding(1), tarEnd()]),
      );
      expect(await refusal(file)).toContain("a file that is none of a hub's");
    }
    expect(existsSync(path.join(root, "outside"))).toBe(false);
  });
});

describe("a restore", () => {
  it("refuses a backup with a newer schema or of a newer form", async () => {
    const newer = copy(folder);
    const file = path.join(newer, "manifest.json");
    const manifest = parseManifest(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...manifest, schema: 99, version: "9.9.9" }));
    expect(await refusal(newer)).toBe(
      `The backup has schema 99 of twinhub 9.9.9, this version knows schema ${newest}: restore it with that version or a newer one`,
    );
    writeFileSync(file, JSON.stringify({ ...manifest, format: 2, version: "9.9.9" }));
    expect(await refusal(newer)).toContain("was made by a newer version of twinhub (9.9.9)");
  });

  it("refuses a directory on which a hub runs, whatever is asked for", async () => {
    const directory = newPath();
    await withHub(directory, async () => {
      for (const force of [false, true]) {
        const restored = restoreBackup({ source: archive, directory, force, now });
        await expect(restored).rejects.toThrow(`is in use by process ${process.pid}`);
      }
    });
    expect((await stateOf(directory)).log).toEqual(["logged"]);
  });

  it("refuses a directory that is not empty, and puts its content aside when forced", async () => {
    const directory = newPath();
    const store = await openSqliteStore(options(directory));
    await store.transaction(null, (tx) => tx.putIdentity(device("former")));
    await store.close();
    const refused = restoreBackup({ source: folder, directory, force: false, now });
    await expect(refused).rejects.toThrow(/is not empty \(hub\.db.*\): choose another one/);
    // A damaged backup changes nothing, forced or not.
    const damaged = copy(folder);
    flip(path.join(damaged, "hub.db"));
    expect(await refusal(damaged, directory, true)).toContain("SHA-256 of hub.db");
    expect(existsSync(path.join(directory, "hub.db"))).toBe(true);

    const { replaced } = await restoreBackup({ source: folder, directory, force: true, now });
    expect(replaced).toBe(path.join(directory, "replaced-20260506T070809Z"));
    expect((await stateOf(directory)).photo).toBe("pixels");
    const former = await openSqliteStore(options(replaced ?? ""));
    expect(await former.listDevices(null, 10)).toMatchObject([{ deviceId: "former" }]);
    await former.close();
  });

  it("that was killed half way leaves a directory that no hub opens, until it is repeated", async () => {
    const directory = newPath();
    mkdirSync(path.join(directory, "restoring"), { recursive: true });
    cpSync(path.join(folder, "hub.db"), path.join(directory, "restoring", "hub.db"));
    await expect(openSqliteStore(options(directory))).rejects.toMatchObject({
      reason: "unfinishedRestore",
      message: `data directory ${directory} is half restored: repeat 'twinhub restore' with --force, or choose another path`,
    });
    await restoreBackup({ source: archive, directory, force: true, now });
    expect((await stateOf(directory)).photo).toBe("pixels");
  });
});

describe("an archive", () => {
  it("keeps long names and sizes beyond eight gigabytes", async () => {
    const name = `blobs/waiting/${"a".repeat(64)}/${"f".repeat(128)}`;
    const bytes = Buffer.concat([
      tarHeader(name, 3, 0),
      Buffer.from("abc"),
      tarPadding(3),
      tarEnd(),
    ]);
    for await (const entry of readTar(content(bytes.toString("latin1")))) {
      expect([entry.name, entry.size]).toEqual([name, 3]);
      for await (const chunk of entry.content) expect(Buffer.from(chunk).toString()).toBe("abc");
    }
    const huge = tarHeader("hub.db", 2 ** 40, 0);
    const reader = readTar(
      (async function* () {
        yield huge;
      })(),
    );
    expect((await reader.next()).value).toMatchObject({ name: "hub.db", size: 2 ** 40 });
  });
});
