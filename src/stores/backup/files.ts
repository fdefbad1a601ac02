import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { hasCode } from "../blobs/files.ts";
import type { BackedUpFile } from "./manifest.ts";

/** Passes content on, and knows its size and SHA-256 when it has ended. */
export class Measured {
  readonly #hash = createHash("sha256");
  #bytes = 0;

  async *through(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      yield chunk;
    }
  }

  file(name: string): BackedUpFile {
    return { name, bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }
}

/** Writes a new private file (0600) and brings it to the disk. */
export async function writePrivate(
  file: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    for await (const chunk of content) await handle.writeFile(chunk);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function syncFile(file: string): Promise<void> {
  await closing(await open(file, "r+"), (handle) => handle.sync());
}

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories; its file system keeps the order of renames by itself.
  if (process.platform === "win32") return;
  await closing(await open(directory, "r"), (handle) => handle.sync());
}

async function closing(handle: FileHandle, work: (handle: FileHandle) => Promise<void>) {
  try {
    await work(handle);
  } finally {
    await handle.close();
  }
}

/** A file as it is now, or null if there is none; what is appended meanwhile is left out. */
export async function openFile(
  file: string,
): Promise<{ readonly size: number; readonly content: AsyncIterable<Uint8Array> } | null> {
  try {
    const handle = await open(file, "r");
    const { size } = await handle.stat();
    if (size === 0) {
      await handle.close();
      return { size, content: nothing() };
    }
    return { size, content: createReadStream(file, { fd: handle, end: size - 1 }) };
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Names of files and directories in a directory, in ordinal order; none if it is not there. */
export async function list(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

/** All files below a directory, as names relative to it with `/`. */
export async function* filesBelow(directory: string, below = ""): AsyncGenerator<string> {
  for (const name of await list(path.join(directory, below))) {
    const inner = below === "" ? name : `${below}/${name}`;
    if (await isDirectory(path.join(directory, inner))) yield* filesBelow(directory, inner);
    else yield inner;
  }
}

export async function isDirectory(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}
