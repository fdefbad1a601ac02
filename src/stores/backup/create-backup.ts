import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { manifestFile, readManifest } from "../blobs/manifest.ts";
import type { DriverModule } from "../sqlite/driver.ts";
import { findDriver } from "../sqlite/find-driver.ts";
import { snapshotDatabase } from "../sqlite/snapshot.ts";
import { BackupError, backupFailure } from "./backup-error.ts";
import { filesBelow, list, syncFile } from "./files.ts";
import { type BackupManifest, isBackedUpName, newManifest } from "./manifest.ts";
import { ArchiveSink, type BackupSink, DirectorySink, demandFree, isArchive } from "./sinks.ts";

/** How often a blob is read anew that is replaced while it is read. */
const attempts = 20;

export interface BackupOptions {
  /** The data directory; a hub may run on it. */
  readonly directory: string;
  /** An archive if it ends with `.tar`, a directory otherwise. Must not be there; an empty directory may. */
  readonly target: string;
  /** Of this program. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sqlite?: DriverModule | undefined;
}

/**
 * Copies the state of a hub, running or not: its database with the event log, uploaded files, and the CA with its keys.
 * Everything that was acknowledged before the call is in it. Files are private (0600), directories too (0700); the backup
 * appears under its name when it is whole. Blocks its thread while the database is copied: it is for a process of its own.
 * Throws BackupError or StoreOpenError.
 */
export async function createBackup(options: BackupOptions): Promise<BackupManifest> {
  const { directory, target, version, now } = options;
  const partial = `${target}.${process.pid}.partial`;
  try {
    await demandFree(target);
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { mode: 0o700 });
    const sink = isArchive(target)
      ? new ArchiveSink(partial, target, now())
      : new DirectorySink(partial, target);
    try {
      const createdTime = new Date(now()).toISOString();
      const schema = await addDatabase(options, partial, sink);
      await addTls(directory, sink);
      await addBlobs(path.join(directory, "blobs"), sink);
      const manifest = newManifest({ version, createdTime, schema, files: sink.files });
      await sink.finish(manifest);
      return manifest;
    } finally {
      await sink.close();
    }
  } catch (error) {
    throw backupFailure(error, `The backup of ${directory} to ${target}`);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** First of all, so that what is added afterwards is at least as new. */
async function addDatabase(
  { directory, sqlite = findDriver() }: BackupOptions,
  partial: string,
  sink: BackupSink,
): Promise<number> {
  const copy = path.join(partial, "snapshot.db");
  const schema = snapshotDatabase(directory, path.join(directory, "hub.db"), copy, sqlite);
  await syncFile(copy);
  await sink.add("hub.db", copy);
  await rm(copy);
  return schema;
}

async function addTls(directory: string, sink: BackupSink): Promise<void> {
  for (const name of await list(path.join(directory, "tls"))) {
    // Others are on their way to their name.
    if (name.endsWith(".pem")) await sink.add(`tls/${name}`, path.join(directory, "tls", name));
  }
}

/** Blobs, and blocks that wait for their commit; what is still being received has not been acknowledged. */
async function addBlobs(blobs: string, sink: BackupSink): Promise<void> {
  const content = path.join(blobs, "content");
  for (const group of await list(content)) {
    for (const hash of await list(path.join(content, group)))
      await addBlob(path.join(content, group, hash), `blobs/content/${group}/${hash}`, sink);
  }
  for await (const name of filesBelow(path.join(blobs, "waiting"))) {
    const inBackup = `blobs/waiting/${name}`;
    // A block that is gone was committed or forgotten.
    if (isBackedUpName(inBackup)) await sink.add(inBackup, path.join(blobs, "waiting", name));
  }
}

/**
 * A blob's manifest and the parts it names. When the blob is replaced meanwhile its parts vanish: then the new manifest is
 * read. Parts of the old one that are in the backup by then do no harm: the next change of the blob removes them.
 */
async function addBlob(directory: string, name: string, sink: BackupSink): Promise<void> {
  const added = new Set<string>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const manifest = await readManifest(directory);
    if (manifest === null) return;
    let whole = true;
    for (const { file } of manifest.parts) {
      if (added.has(file)) continue;
      whole = await sink.add(`${name}/${file}`, path.join(directory, file));
      if (!whole) break;
      added.add(file);
    }
    if (whole) {
      await sink.addText(`${name}/${manifestFile}`, JSON.stringify(manifest));
      return;
    }
  }
  throw new BackupError(`A file in ${directory} changes too often to be copied: try again later`);
}
