import { createHash } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { LRUCache } from "lru-cache";
import type { BlobStore, Clock } from "../../app/ports.ts";
import type { BlobDescription, BlobProperties, NamedBlob } from "../../domain/files/blob.ts";
import { type BlobLimits, defaultBlobLimits } from "../../domain/files/limits.ts";
import {
  type Waiting,
  blockKey,
  checkWaiting,
  newProperties,
  resolveBlocks,
} from "./block-list.ts";
import { FileWriter, hasCode } from "./files.ts";
import { Folders } from "./folders.ts";
import { type Manifest, type Part, manifestFile, readManifest } from "./manifest.ts";
import { readParts } from "./read-parts.ts";
import { Serial } from "./serial.ts";

export interface FileBlobStoreOptions {
  /** Created if need be; one process alone uses it. */
  readonly directory: string;
  readonly clock: Pick<Clock, "now">;
  /** `disk`: acknowledged content survives a power cut; `os`: it survives the end of the process. */
  readonly durability: "disk" | "os";
  readonly limits?: Partial<BlobLimits>;
  /** Bytes of the disk that stay free; 256 MiB if missing. */
  readonly reserve?: number;
}

const defaultReserve = 256 * 2 ** 20;

/** Blobs whose waiting blocks are counted in memory; those of others are counted again. */
const maxCounted = 1000;

/**
 * Files below a directory:
 *
 * - `content/ab/abc…/`: one blob, named by the SHA-256 of its name: `blob.json` and the files of its parts;
 * - `waiting/abc…/`: its blocks that wait for a commit, named by their ids in hex;
 * - `folders/`: the names of the blobs of each folder;
 * - `incoming/`: what is being written; emptied at each start.
 *
 * No name of a caller's becomes a name of a file, so none can leave the directory or meet another in a file system that
 * folds case.
 */
export async function openFileBlobStore(options: FileBlobStoreOptions): Promise<BlobStore> {
  const { directory, clock, durability, reserve = defaultReserve } = options;
  const limits = { ...defaultBlobLimits, ...options.limits };
  const incoming = path.join(directory, "incoming");
  await rm(incoming, { recursive: true, force: true });
  for (const each of [incoming, path.join(directory, "waiting"), path.join(directory, "content")])
    await mkdir(each, { recursive: true, mode: 0o700 });
  const files = new FileWriter({ incoming, durable: durability === "disk", reserve });
  const folders = new Folders(directory, files);
  await folders.ensure(path.join(directory, "content"));
  return new FileBlobStore(directory, { files, folders, clock }, limits);
}

interface Place {
  readonly name: string;
  readonly hash: string;
  readonly content: string;
  readonly waiting: string;
}

class FileBlobStore implements BlobStore {
  readonly limits: BlobLimits;
  readonly #directory: string;
  readonly #files: FileWriter;
  readonly #folders: Folders;
  readonly #clock: Pick<Clock, "now">;
  readonly #serial = new Serial();
  readonly #counted = new LRUCache<string, Waiting>({ max: maxCounted });

  constructor(
    directory: string,
    parts: {
      readonly files: FileWriter;
      readonly folders: Folders;
      readonly clock: Pick<Clock, "now">;
    },
    limits: BlobLimits,
  ) {
    this.#directory = directory;
    this.#files = parts.files;
    this.#folders = parts.folders;
    this.#clock = parts.clock;
    this.limits = limits;
  }

  async putBlob(...[name, content, describe, precondition]: Parameters<BlobStore["putBlob"]>) {
    const place = this.#place(name);
    precondition((await readManifest(place.content))?.properties ?? null);
    const { file, size } = await this.#files.write(content);
    try {
      return await this.#serial.run(place.hash, async () => {
        const stored = await readManifest(place.content);
        precondition(stored?.properties ?? null);
        const part = { key: "", file, size, isNew: true };
        return this.#publish(place, stored, [part], describe());
      });
    } finally {
      await this.#files.discard(file);
    }
  }

  async putBlock(...[name, id, content]: Parameters<BlobStore["putBlock"]>): Promise<void> {
    const place = this.#place(name);
    const { file, size } = await this.#files.write(content);
    try {
      await this.#serial.run(place.hash, async () => {
        const target = path.join(place.waiting, blockKey(id));
        const before = await sizeOf(target);
        const counted = await this.#count(place);
        const waiting = {
          blocks: counted.blocks + (before === null ? 1 : 0),
          bytes: counted.bytes + size - (before ?? 0),
        };
        checkWaiting(waiting, this.limits);
        await this.#files.makeDirectory(place.waiting);
        await this.#files.place(file, target);
        this.#counted.set(place.hash, waiting);
        await this.#files.syncDirectory(place.waiting);
      });
    } finally {
      await this.#files.discard(file);
    }
  }

  async commit(...[name, blocks, description, precondition]: Parameters<BlobStore["commit"]>) {
    const place = this.#place(name);
    return this.#serial.run(place.hash, async () => {
      const stored = await readManifest(place.content);
      precondition(stored?.properties ?? null);
      const waiting = await waitingParts(place.waiting);
      const committed = new Map(
        stored?.parts.map((part) => [part.key, { ...part, isNew: false }] as const),
      );
      const resolved = resolveBlocks(blocks, waiting, committed, this.limits);
      const parts = resolved.map(({ block }) => block);
      return this.#publish(place, stored, parts, description);
    });
  }

  async properties(name: string): Promise<BlobProperties | null> {
    return (await readManifest(this.#place(name).content))?.properties ?? null;
  }

  async read(...[name, range]: Parameters<BlobStore["read"]>) {
    const { content: directory } = this.#place(name);
    const manifest = await readManifest(directory);
    if (manifest === null) return null;
    const { properties, parts } = manifest;
    return { properties, content: readParts(directory, parts, range) };
  }

  async delete(name: string): Promise<boolean> {
    const place = this.#place(name);
    return this.#serial.run(place.hash, async () => {
      if ((await readManifest(place.content)) === null) return false;
      // Without its manifest it is no blob any more, whatever else is left of it.
      await rm(path.join(place.content, manifestFile));
      await this.#files.syncDirectory(place.content);
      await this.#forget(place);
      await rm(place.content, { recursive: true, force: true });
      await this.#folders.remove(name);
      return true;
    });
  }

  async list(...[folder, after, limit]: Parameters<BlobStore["list"]>) {
    const { names, more } = await this.#folders.names(folder);
    const later = names
      .filter((name) => name.startsWith(`${folder}/`) && (after === null || name > after))
      .sort(ordinal);
    const blobs: NamedBlob[] = [];
    for (const name of later.slice(0, limit)) {
      const manifest = await readManifest(this.#place(name).content);
      if (manifest !== null) blobs.push({ name, properties: manifest.properties });
    }
    return { blobs, more: more || later.length > limit };
  }

  async discardBlocks(time: number): Promise<void> {
    const root = path.join(this.#directory, "waiting");
    for (const hash of await readdir(root)) {
      await this.#serial.run(hash, async () => {
        const directory = path.join(root, hash);
        if ((await changedAt(directory)) >= time) return;
        this.#counted.delete(hash);
        await rm(directory, { recursive: true, force: true });
      });
    }
  }

  #place(name: string): Place {
    const hash = createHash("sha256").update(name, "utf8").digest("hex");
    return {
      name,
      hash,
      content: path.join(this.#directory, "content", hash.slice(0, 2), hash),
      waiting: path.join(this.#directory, "waiting", hash),
    };
  }

  /** Moves new parts into the blob, then lets the new manifest take the place of the old one. */
  async #publish(
    place: Place,
    stored: Manifest | null,
    found: readonly FoundPart[],
    description: BlobDescription,
  ): Promise<BlobProperties> {
    const properties: BlobProperties = {
      ...newProperties(stored?.properties ?? null, this.#clock.now()),
      size: found.reduce((sum, { size }) => sum + size, 0),
      description,
    };
    const moves = new Map<string, string>();
    const parts = found.map(({ key, file, size, isNew }): Part => {
      if (!isNew) return { key, file, size };
      const target = moves.get(file) ?? `${properties.etag}-${moves.size}`;
      moves.set(file, target);
      return { key, file: target, size };
    });
    const manifest = JSON.stringify({ name: place.name, properties, parts } satisfies Manifest);
    await this.#files.makeDirectory(place.content);
    if (stored === null) await this.#folders.add(place.name);
    const temporary = await this.#files.write(once(Buffer.from(manifest)));
    for (const [from, to] of moves) await this.#files.place(from, path.join(place.content, to));
    await this.#files.place(temporary.file, path.join(place.content, manifestFile));
    await this.#files.syncDirectory(place.content);
    await this.#forget(place);
    await removeOthers(place.content, new Set([manifestFile, ...parts.map(({ file }) => file)]));
    return properties;
  }

  /** Blocks that wait are of no use after a commit. */
  async #forget({ hash, waiting }: Place): Promise<void> {
    this.#counted.delete(hash);
    await rm(waiting, { recursive: true, force: true });
  }

  async #count(place: Place): Promise<Waiting> {
    const known = this.#counted.get(place.hash);
    if (known !== undefined) return known;
    const parts = await waitingParts(place.waiting);
    let bytes = 0;
    for (const { size } of parts.values()) bytes += size;
    return { blocks: parts.size, bytes };
  }
}

interface FoundPart extends Part {
  /** Its file has a whole path, and is not yet in the blob's directory. */
  readonly isNew: boolean;
}

function ordinal(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function waitingParts(directory: string): Promise<ReadonlyMap<string, FoundPart>> {
  const found = new Map<string, FoundPart>();
  for (const key of await list(directory)) {
    const file = path.join(directory, key);
    const size = await sizeOf(file);
    if (size !== null) found.set(key, { key, file, size, isNew: true });
  }
  return found;
}

async function removeOthers(directory: string, kept: ReadonlySet<string>): Promise<void> {
  for (const file of await list(directory))
    if (!kept.has(file)) await rm(path.join(directory, file), { force: true });
}

async function list(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** When something was last put into a directory; the end of time if it is gone. */
async function changedAt(directory: string): Promise<number> {
  try {
    return (await stat(directory)).mtimeMs;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
