import { type FileHandle, mkdir, open, rename, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { BlobError } from "../../domain/files/blob-error.ts";
import type { BlobContent } from "../../app/ports.ts";

/** Content that is written between two looks at the free room of the disk, in bytes. */
const lookEvery = 32 * 2 ** 20;

/** Writes files so that they are there whole, or not at all. */
export class FileWriter {
  readonly #incoming: string;
  readonly #durable: boolean;
  readonly #reserve: number;
  #next = 0;

  /**
   * `incoming` is a directory of this process alone, on the same disk as all targets. `reserve` bytes of the disk are
   * left free: the hub's own records need them more than files do.
   */
  constructor(options: {
    readonly incoming: string;
    readonly durable: boolean;
    readonly reserve: number;
  }) {
    this.#incoming = options.incoming;
    this.#durable = options.durable;
    this.#reserve = options.reserve;
  }

  /** Writes content to a temporary file; resolves with its path and size when it is on the disk. */
  async write(content: BlobContent): Promise<{ readonly file: string; readonly size: number }> {
    const file = path.join(this.#incoming, String(this.#next++));
    let size = 0;
    const counted = this.#watched(content, (bytes) => (size += bytes));
    try {
      const handle = await open(file, "wx", 0o600);
      try {
        await writeFile(handle, counted);
        await this.#sync(handle);
      } finally {
        await handle.close();
      }
      return { file, size };
    } catch (error) {
      await this.discard(file);
      throw noRoom(error) ? new BlobError("InsufficientStorage") : error;
    }
  }

  /** Puts a temporary file in its place; its directory must be synchronised afterwards. */
  async place(file: string, target: string): Promise<void> {
    await rename(file, target);
  }

  async discard(file: string): Promise<void> {
    await rm(file, { force: true });
  }

  /** Makes the renames in a directory durable. */
  async syncDirectory(directory: string): Promise<void> {
    // Windows opens no directories; its file system keeps the order of renames by itself.
    if (!this.#durable || process.platform === "win32") return;
    const handle = await open(directory, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Creates a directory and those above it, durably. */
  async makeDirectory(directory: string): Promise<void> {
    try {
      const first = await mkdir(directory, { recursive: true, mode: 0o700 });
      if (first === undefined) return;
      for (let each = directory; each.length >= first.length; each = path.dirname(each))
        await this.syncDirectory(path.dirname(each));
    } catch (error) {
      throw noRoom(error) ? new BlobError("InsufficientStorage") : error;
    }
  }

  async #sync(handle: FileHandle): Promise<void> {
    if (this.#durable) await handle.sync();
  }

  async *#watched(
    content: BlobContent,
    count: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array> {
    let sinceLook = lookEvery;
    for await (const chunk of content) {
      if (sinceLook >= lookEvery) {
        await this.#demandRoom();
        sinceLook = 0;
      }
      sinceLook += chunk.length;
      count(chunk.length);
      yield chunk;
    }
  }

  async #demandRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#incoming);
    if (bavail * bsize < this.#reserve) throw new BlobError("InsufficientStorage");
  }
}

function noRoom(error: unknown): boolean {
  return hasCode(error, "ENOSPC", "EDQUOT");
}

/** True if the operating system refused with one of the codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
