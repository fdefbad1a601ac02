import { createHash } from "node:crypto";
import { readFile, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { type FileWriter, hasCode } from "./files.ts";
import { readManifest } from "./manifest.ts";

/** Names that one listing looks at; a folder may have more. */
const maxLooked = 10_000;

/**
 * Which blobs a folder has, the folder being the first segment of their names: `folders/abc…/def…` by the SHA-256 of the
 * folder and of the whole name, which is the file's content. A blob that is there always stands here; one that stands
 * here may be gone.
 */
export class Folders {
  readonly #directory: string;
  readonly #files: FileWriter;

  constructor(directory: string, files: FileWriter) {
    this.#directory = path.join(directory, "folders");
    this.#files = files;
  }

  /** To be called before the blob is there. */
  async add(name: string): Promise<void> {
    const file = this.#fileOf(name);
    const directory = path.dirname(file);
    await this.#files.makeDirectory(directory);
    await this.#write(name, file);
    await this.#files.syncDirectory(directory);
  }

  /** To be called when the blob is gone. */
  async remove(name: string): Promise<void> {
    await rm(this.#fileOf(name), { force: true });
  }

  /** In no order; `more` if there are so many that some were left out. */
  async names(
    folder: string,
  ): Promise<{ readonly names: readonly string[]; readonly more: boolean }> {
    const directory = path.join(this.#directory, hashOf(folder));
    const files = await entries(directory);
    const names: string[] = [];
    for (const file of files.slice(0, maxLooked)) {
      const name = await readFile(path.join(directory, file), "utf8").catch(ifMissing(undefined));
      if (name !== undefined) names.push(name);
    }
    return { names, more: files.length > maxLooked };
  }

  /** Makes them anew where there are none: in directories of older hubs, and after a restore. */
  async ensure(content: string): Promise<void> {
    const known = await readdir(this.#directory).catch(ifMissing(undefined));
    if (known !== undefined) return;
    const fresh = `${this.#directory}.new`;
    await rm(fresh, { recursive: true, force: true });
    await this.#files.makeDirectory(fresh);
    for (const group of await entries(content)) {
      for (const hash of await entries(path.join(content, group))) {
        const manifest = await readManifest(path.join(content, group, hash));
        if (manifest === null) continue;
        const file = this.#fileOf(manifest.name, fresh);
        await this.#files.makeDirectory(path.dirname(file));
        await this.#write(manifest.name, file);
        await this.#files.syncDirectory(path.dirname(file));
      }
    }
    await rename(fresh, this.#directory);
    await this.#files.syncDirectory(path.dirname(this.#directory));
  }

  async #write(name: string, target: string): Promise<void> {
    const { file } = await this.#files.write(once(Buffer.from(name, "utf8")));
    await this.#files.place(file, target);
  }

  #fileOf(name: string, root = this.#directory): string {
    const [folder = ""] = name.split("/", 1);
    return path.join(root, hashOf(folder), hashOf(name));
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function entries(directory: string): Promise<string[]> {
  return readdir(directory).catch(ifMissing<string[]>([]));
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return value;
    throw error;
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
