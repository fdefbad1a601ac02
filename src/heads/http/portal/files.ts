import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

/** A built file of the portal, as it is sent. */
export interface PortalFile {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
  /** The same, compressed when the portal was built. */
  readonly gzip: Buffer | undefined;
  /** Its name changes with its content. */
  readonly immutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".json": "application/json; charset=utf-8",
};

/**
 * The files of the built portal by their path below `/portal/`. Read once: what a caller asks for never becomes a
 * path on the disk. Empty if the portal has not been built.
 */
export async function readPortalFiles(directory: string): Promise<ReadonlyMap<string, PortalFile>> {
  const files = new Map<string, PortalFile>();
  for (const name of await namesIn(directory)) {
    const type = types[path.extname(name)];
    if (type === undefined) continue;
    const body = await readFile(path.join(directory, name));
    files.set(name.split(path.sep).join("/"), {
      type,
      body,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      gzip: await readFile(path.join(directory, `${name}.gz`)).catch(() => undefined),
      immutable: name.startsWith(`assets${path.sep}`),
    });
  }
  return files;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory, { recursive: true });
  } catch {
    return [];
  }
}
