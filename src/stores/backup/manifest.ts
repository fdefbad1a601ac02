import { BackupError } from "./backup-error.ts";

export const manifestName = "manifest.json";

/** Files of one backup, at most: the manifest is held in memory. */
export const maxFiles = 1_000_000;
/** Bytes of a manifest, at most. */
export const maxManifestBytes = 400 * 2 ** 20;

/** Changes when an older version could not restore a backup any more. */
const format = 1;

export interface BackedUpFile {
  /** Below the data directory, with `/`. */
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** What a backup says of itself. It is written last: a backup without it is not whole. */
export interface BackupManifest {
  readonly format: 1;
  /** Of the program that made the backup. */
  readonly version: string;
  /** ISO 8601, when the snapshot began: what was acknowledged before is in it. */
  readonly createdTime: string;
  /** The number of the database's newest migration. */
  readonly schema: number;
  readonly files: readonly BackedUpFile[];
}

/** The parts of a data directory that are state; no other name is ever written by a restore. */
const safeName = /^(?:hub\.db|tls\/[\w.-]+|blobs\/(?:content|waiting)(?:\/[\w-][\w.-]*){1,3})$/;

/** Whether a file of this name may stand in a backup. None leaves the directory. */
export function isBackedUpName(name: string): boolean {
  return safeName.test(name) && !name.endsWith("/..") && !name.endsWith("/.");
}

export function newManifest(content: Omit<BackupManifest, "format">): BackupManifest {
  return { format, ...content };
}

/** Reads a manifest's text. Throws BackupError. */
export function parseManifest(text: string): BackupManifest {
  const value = parseJson(text);
  if (!isRecord(value)) throw damaged();
  if (typeof value["format"] === "number" && value["format"] > format)
    throw new BackupError(
      `The backup was made by a newer version of twinhub (${shown(value["version"])}): restore it with that version`,
    );
  const { version, createdTime, schema, files } = value;
  if (value["format"] !== format || !isText(version) || !isText(createdTime)) throw damaged();
  if (!isCount(schema) || !Array.isArray(files) || files.length > maxFiles) throw damaged();
  return { format, version, createdTime, schema, files: files.map(parseFile) };
}

function parseFile(value: unknown): BackedUpFile {
  if (!isRecord(value)) throw damaged();
  const { name, bytes, sha256 } = value;
  if (!isText(name) || !isBackedUpName(name) || !isCount(bytes) || !isText(sha256)) throw damaged();
  return { name, bytes, sha256 };
}

/**
 * Compares what was read with what the manifest promises. Throws BackupError that names the first file which is missing,
 * different or not part of it.
 */
export function demandIntact(manifest: BackupManifest, found: readonly BackedUpFile[]): void {
  const read = new Map(found.map((file) => [file.name, file]));
  for (const { name, bytes, sha256 } of manifest.files) {
    const file = read.get(name);
    if (file === undefined) throw refused(`${name} is missing`);
    if (file.bytes !== bytes)
      throw refused(`${name} has ${file.bytes} bytes where the manifest says ${bytes}`);
    if (file.sha256 !== sha256) throw refused(`the SHA-256 of ${name} is not the manifest's`);
    read.delete(name);
  }
  const [extra] = read.keys();
  if (extra !== undefined) throw refused(`${extra} is not in the manifest`);
  if (!manifest.files.some(({ name }) => name === "hub.db")) throw refused("hub.db is missing");
}

function refused(reason: string): BackupError {
  return new BackupError(
    `The backup is damaged, ${reason}: nothing was restored, use another backup`,
  );
}

function damaged(): BackupError {
  return refused(`its ${manifestName} cannot be read`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 50) : "unknown";
}
