import { readFile } from "node:fs/promises";
import path from "node:path";
import type { BlobProperties } from "../../domain/files/blob.ts";
import { hasCode } from "./files.ts";

/** A piece of a blob's content: a file beside the manifest. */
export interface Part {
  /** The key of its block; "" if the blob was sent in one piece. */
  readonly key: string;
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/** What makes a directory a blob. Its rename into place is the moment at which a new content counts. */
export interface Manifest {
  /** For people and for repairs; the directory's name cannot be turned back into it. */
  readonly name: string;
  readonly properties: BlobProperties;
  readonly parts: readonly Part[];
}

export const manifestFile = "blob.json";

/** Null if the directory is no blob yet. */
export async function readManifest(directory: string): Promise<Manifest | null> {
  try {
    return JSON.parse(await readFile(path.join(directory, manifestFile), "utf8")) as Manifest;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}
