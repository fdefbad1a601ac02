import { createReadStream } from "node:fs";
import path from "node:path";
import type { ByteRange } from "../../domain/files/blob.ts";
import type { Part } from "./manifest.ts";

interface Slice {
  readonly file: string;
  /** Within the file, `end` included. */
  readonly start: number;
  readonly end: number;
}

/** The content of parts in their order. A file is opened in its turn, and closed when it is read or given up. */
export async function* readParts(
  directory: string,
  parts: readonly Part[],
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array> {
  for (const { file, start, end } of slicesOf(directory, parts, range))
    yield* createReadStream(file, { start, end });
}

function slicesOf(
  directory: string,
  parts: readonly Part[],
  range: ByteRange | undefined,
): readonly Slice[] {
  const slices: Slice[] = [];
  let position = 0;
  for (const { file, size } of parts) {
    const start = Math.max(0, (range?.start ?? 0) - position);
    const end = Math.min(size - 1, (range?.end ?? Infinity) - position);
    if (start <= end) slices.push({ file: path.join(directory, file), start, end });
    position += size;
  }
  return slices;
}
