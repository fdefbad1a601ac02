import { createReadStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { lockNames, restoringName, takeLock } from "../sqlite/data-directory.ts";
import type { DriverModule } from "../sqlite/driver.ts";
import { findDriver } from "../sqlite/find-driver.ts";
import { readMigrations } from "../sqlite/migrate.ts";
import { BackupError, backupFailure } from "./backup-error.ts";
import {
  filesBelow,
  isDirectory,
  list,
  Measured,
  openFile,
  syncDirectory,
  writePrivate,
} from "./files.ts";
import {
  type BackedUpFile,
  type BackupManifest,
  demandIntact,
  isBackedUpName,
  manifestName,
  maxFiles,
  maxManifestBytes,
  parseManifest,
} from "./manifest.ts";
import { readTar, type TarEntry } from "./tar.ts";

export interface RestoreOptions {
  /** What `createBackup` made. */
  readonly source: string;
  /** Made if it is missing. */
  readonly directory: string;
  /** Put aside what the data directory holds, into `replaced-…` within it. */
  readonly force: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sqlite?: DriverModule | undefined;
}

export interface Restored {
  readonly manifest: BackupManifest;
  /** Where the former content is; null if there was none. */
  readonly replaced: string | null;
}

/** What a restore reads, until it has been verified. */
const stagingName = "restore.partial";

/**
 * Puts a backup into a data directory on which no hub runs. Everything is read and compared with the manifest before
 * anything is replaced; killed afterwards, it leaves a directory that no hub opens. Throws BackupError or StoreOpenError.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { source, directory, force, now, sqlite = findDriver() } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const release = takeLock(directory, sqlite, new Date(now()));
    try {
      const former = await contentOf(directory);
      if (former.length > 0 && !force) throw notEmpty(directory, former);
      const staging = path.join(directory, stagingName);
      const manifest = await stage(source, staging).catch(async (error: unknown) => {
        await rm(staging, { recursive: true, force: true });
        throw error;
      });
      return { manifest, replaced: await replace(directory, former, now()) };
    } finally {
      release();
    }
  } catch (error) {
    throw backupFailure(error, `Restoring ${source} to ${directory}`);
  }
}

/** Names of what would be replaced. */
async function contentOf(directory: string): Promise<readonly string[]> {
  const names = await list(directory);
  return names.filter(
    (name) => !lockNames.includes(name) && name !== stagingName && !name.startsWith("replaced-"),
  );
}

function notEmpty(directory: string, names: readonly string[]): BackupError {
  return new BackupError(
    `data directory ${directory} is not empty (${names.slice(0, 3).join(", ")}): choose another one with --data, or give --force to put its content aside`,
  );
}

/** Reads all of the backup into a private directory; throws if anything in it is not as it was written. */
async function stage(source: string, staging: string): Promise<BackupManifest> {
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  const found: BackedUpFile[] = [];
  const directories = new Set([staging]);
  let text: string | undefined;
  for await (const entry of entriesOf(source)) {
    if (entry.name === manifestName) {
      text = await readText(entry);
      continue;
    }
    demandName(entry.name, found.length);
    const target = path.join(staging, entry.name);
    for (let each = path.dirname(target); !directories.has(each); each = path.dirname(each))
      directories.add(each);
    await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    const measured = new Measured();
    await writePrivate(target, measured.through(entry.content));
    found.push(measured.file(entry.name));
  }
  if (text === undefined)
    throw new BackupError(`${source} has no ${manifestName}: it is no backup, or not all of one`);
  const manifest = parseManifest(text);
  demandIntact(manifest, found);
  demandKnownSchema(manifest);
  for (const each of directories) await syncDirectory(each);
  return manifest;
}

function demandName(name: string, count: number): void {
  if (!isBackedUpName(name))
    throw new BackupError(
      `The backup holds a file that is none of a hub's: ${JSON.stringify(name).slice(0, 200)}`,
    );
  if (count >= maxFiles)
    throw new BackupError(`The backup has more than ${maxFiles} files, the limit`);
}

function demandKnownSchema({ schema, version }: BackupManifest): void {
  const newest = readMigrations().at(-1)?.number ?? 0;
  if (schema > newest)
    throw new BackupError(
      `The backup has schema ${schema} of twinhub ${version}, this version knows schema ${newest}: restore it with that version or a newer one`,
    );
}

/** The files of a backup, whatever its form. */
async function* entriesOf(source: string): AsyncGenerator<TarEntry> {
  if (!(await isDirectory(source))) {
    yield* readTar(createReadStream(source));
    return;
  }
  for await (const name of filesBelow(source)) {
    const file = await openFile(path.join(source, name));
    if (file !== null) yield { name, ...file };
  }
}

async function readText({ content, size }: TarEntry): Promise<string> {
  if (size > maxManifestBytes) throw new BackupError(`The backup's ${manifestName} is too large`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** From the first rename to the last, no hub opens the directory. */
async function replace(
  directory: string,
  former: readonly string[],
  now: number,
): Promise<string | null> {
  const restoring = path.join(directory, restoringName);
  const aside = await putAside(directory, former, now);
  for (const name of await list(restoring)) {
    await rename(path.join(restoring, name), path.join(directory, name));
  }
  await syncDirectory(directory);
  await rm(restoring, { recursive: true });
  await syncDirectory(directory);
  return aside;
}

async function putAside(
  directory: string,
  former: readonly string[],
  now: number,
): Promise<string | null> {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = path.join(directory, `replaced-${stamp}`);
  const restoring = path.join(directory, restoringName);
  if (former.length > 0) await mkdir(aside, { mode: 0o700 });
  // What a killed restore left behind; the marker itself stays.
  for (const name of await list(restoring))
    await rename(path.join(restoring, name), path.join(aside, `unfinished-${name}`));
  await rename(path.join(directory, stagingName), restoring);
  await syncDirectory(directory);
  for (const name of former) {
    if (name !== restoringName) await rename(path.join(directory, name), path.join(aside, name));
  }
  return former.length > 0 ? aside : null;
}
