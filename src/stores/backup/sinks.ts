import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import path from "node:path";
import { BackupError } from "./backup-error.ts";
import { isDirectory, list, Measured, openFile, syncDirectory, writePrivate } from "./files.ts";
import { type BackedUpFile, type BackupManifest, manifestName, maxFiles } from "./manifest.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar.ts";

/** Where a backup goes: a directory, or one file. */
export interface BackupSink {
  /** Takes a file from the disk; false if it is not there any more. */
  add(name: string, source: string): Promise<boolean>;
  addText(name: string, text: string): Promise<void>;
  readonly files: readonly BackedUpFile[];
  /** Writes the manifest, and makes the backup visible under its name. */
  finish(manifest: BackupManifest): Promise<void>;
  /** Lets go of what is open; to be called in any case. */
  close(): Promise<void>;
}

/** A path that ends so becomes one file, every other a directory. */
const archiveName = /\.tar$/i;

export function isArchive(target: string): boolean {
  return archiveName.test(target);
}

/** Refuses a target that is there, unless it is an empty directory and is to be one. */
export async function demandFree(target: string): Promise<void> {
  if ((await isDirectory(target)) && !isArchive(target)) {
    if ((await list(target)).length === 0) return;
  } else if ((await list(path.dirname(target))).every((name) => name !== path.basename(target))) {
    return;
  }
  throw new BackupError(`${target} is there already: choose another name, or remove it`);
}

/** Files below a directory that gets its name when all is in it. */
export class DirectorySink implements BackupSink {
  readonly files: BackedUpFile[] = [];
  readonly #partial: string;
  readonly #target: string;
  readonly #directories = new Set<string>();

  constructor(partial: string, target: string) {
    this.#partial = partial;
    this.#target = target;
  }

  async add(name: string, source: string): Promise<boolean> {
    demandRoom(this.files);
    const found = await openFile(source);
    if (found === null) return false;
    await this.#put(name, found.content);
    return true;
  }

  async addText(name: string, text: string): Promise<void> {
    demandRoom(this.files);
    await this.#put(name, bytesOf(Buffer.from(text)));
  }

  async #put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const target = path.join(this.#partial, name);
    const measured = new Measured();
    await this.#makeDirectory(path.dirname(target));
    await writePrivate(target, measured.through(content));
    this.files.push(measured.file(name));
  }

  async finish(manifest: BackupManifest): Promise<void> {
    await writePrivate(path.join(this.#partial, manifestName), bytesOf(textOf(manifest)));
    for (const directory of [...this.#directories, this.#partial]) await syncDirectory(directory);
    await rename(this.#partial, this.#target);
    await syncDirectory(path.dirname(this.#target));
  }

  async close(): Promise<void> {}

  async #makeDirectory(directory: string): Promise<void> {
    if (directory === this.#partial || this.#directories.has(directory)) return;
    await this.#makeDirectory(path.dirname(directory));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    this.#directories.add(directory);
  }
}

/** One archive, with the manifest as its last entry. */
export class ArchiveSink implements BackupSink {
  readonly files: BackedUpFile[] = [];
  readonly #partial: string;
  readonly #target: string;
  readonly #time: number;
  #handle: FileHandle | undefined;

  /** `time`: of the entries, milliseconds since 1970. */
  constructor(partial: string, target: string, time: number) {
    this.#partial = path.join(partial, "backup.tar");
    this.#target = target;
    this.#time = time / 1000;
  }

  async add(name: string, source: string): Promise<boolean> {
    demandRoom(this.files);
    const found = await openFile(source);
    if (found === null) return false;
    const file = await this.#entry(name, found.size, found.content);
    if (file.bytes !== found.size)
      throw new BackupError(`${source} became shorter while it was read`);
    this.files.push(file);
    return true;
  }

  async addText(name: string, text: string): Promise<void> {
    demandRoom(this.files);
    const bytes = Buffer.from(text);
    this.files.push(await this.#entry(name, bytes.length, bytesOf(bytes)));
  }

  async finish(manifest: BackupManifest): Promise<void> {
    const text = textOf(manifest);
    await this.#entry(manifestName, text.length, bytesOf(text));
    await this.#write(tarEnd());
    await this.#handle?.sync();
    await this.close();
    await rename(this.#partial, this.#target);
    await syncDirectory(path.dirname(this.#target));
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #entry(
    name: string,
    size: number,
    content: AsyncIterable<Uint8Array>,
  ): Promise<BackedUpFile> {
    const measured = new Measured();
    await this.#write(tarHeader(name, size, this.#time));
    for await (const chunk of measured.through(content)) await this.#write(chunk);
    await this.#write(tarPadding(size));
    return measured.file(name);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#handle ??= await open(this.#partial, "wx", 0o600);
    await this.#handle.writeFile(bytes);
  }
}

function textOf(manifest: BackupManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
}

async function* bytesOf(text: Uint8Array): AsyncGenerator<Uint8Array> {
  yield text;
}

function demandRoom(files: readonly unknown[]): void {
  if (files.length >= maxFiles)
    throw new BackupError(`The hub has more than ${maxFiles} files, the limit of a backup`);
}
