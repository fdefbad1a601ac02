import { BlobError } from "../../domain/files/blob-error.ts";
import type { BlobProperties, BlockReference } from "../../domain/files/blob.ts";
import type { BlobLimits } from "../../domain/files/limits.ts";

/** Something that a block id stands for. */
export interface StoredBlock {
  readonly size: number;
}

/** A block id as a key: its bytes in hex, at most 128 characters. */
export function blockKey(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}

/**
 * The blocks that a list names, in its order, by the key of each. Refuses with InvalidBlockList an id that is not where
 * it is looked for, and with RequestBodyTooLarge more bytes than a blob may have.
 */
export function resolveBlocks<T extends StoredBlock>(
  list: readonly BlockReference[],
  waiting: ReadonlyMap<string, T>,
  committed: ReadonlyMap<string, T>,
  limits: BlobLimits,
): readonly { readonly key: string; readonly block: T }[] {
  let size = 0;
  return list.map(({ id, from }) => {
    const key = blockKey(Buffer.from(id, "base64"));
    const block = find(from, waiting.get(key), committed.get(key));
    if (block === undefined) throw new BlobError("InvalidBlockList");
    size += block.size;
    if (size > limits.blobBytes) throw new BlobError("RequestBodyTooLarge");
    return { key, block };
  });
}

function find<T>(
  from: BlockReference["from"],
  waiting: T | undefined,
  committed: T | undefined,
): T | undefined {
  switch (from) {
    case "uncommitted":
      return waiting;
    case "committed":
      return committed;
    case "latest":
      return waiting ?? committed;
  }
}

/** What waits for a commit of one blob, while another block may come. */
export interface Waiting {
  readonly blocks: number;
  readonly bytes: number;
}

/** Refuses a block that would be one too many. */
export function checkWaiting({ blocks, bytes }: Waiting, limits: BlobLimits): void {
  if (blocks > limits.blocks) throw new BlobError("BlockCountExceedsLimit");
  if (bytes > limits.blobBytes) throw new BlobError("RequestBodyTooLarge");
}

/** What follows from a new content: an etag in the form of Azure Storage, and the times. */
export function newProperties(
  stored: BlobProperties | null,
  now: number,
): Pick<BlobProperties, "etag" | "created" | "lastModified"> {
  return {
    etag: nextEtag(stored?.etag, now),
    created: stored?.created ?? now,
    lastModified: now,
  };
}

/** `0x8DC…`: time in ticks, as Azure Storage does, and never the one before again. */
function nextEtag(before: string | undefined, now: number): string {
  const ticks = BigInt(now) * 10_000n + 621_355_968_000_000_000n;
  const last = before === undefined ? 0n : BigInt(before);
  const next = ticks > last ? ticks : last + 1n;
  return `0x${next.toString(16).toUpperCase()}`;
}
