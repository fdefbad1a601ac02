import type { BlobContent, BlobStore, Clock } from "../../app/ports.ts";
import { BlobError } from "../../domain/files/blob-error.ts";
import type { BlobProperties, ByteRange, NamedBlob } from "../../domain/files/blob.ts";
import { type BlobLimits, defaultBlobLimits } from "../../domain/files/limits.ts";
import { blockKey, checkWaiting, newProperties, resolveBlocks } from "./block-list.ts";

/** All files of a hub in memory together, in bytes. */
const defaultCapacity = 256 * 2 ** 20;
/** What a piece of content, and a name, take up beside their bytes. */
const overhead = 256;

interface Block {
  readonly size: number;
  /** What it takes of the capacity. */
  readonly cost: number;
  readonly chunks: readonly Uint8Array[];
  readonly since: number;
}

interface Entry {
  properties: BlobProperties | null;
  /** The content, in order; a key may stand in it several times. */
  content: readonly { readonly key: string; readonly block: Block }[];
  readonly waiting: Map<string, Block>;
  waitingBytes: number;
}

/** Files in memory, for hubs that keep nothing. Blocks that nothing refers to any more give their room back. */
export function createMemoryBlobStore(options: {
  readonly clock: Pick<Clock, "now">;
  readonly limits?: Partial<BlobLimits>;
  /** Bytes. */
  readonly capacity?: number;
}): BlobStore {
  const { clock, capacity = defaultCapacity } = options;
  const limits = { ...defaultBlobLimits, ...options.limits };
  const entries = new Map<string, Entry>();
  let used = 0;

  /** Room is taken while content comes in, so that many senders at once stay within it. */
  async function take(content: BlobContent): Promise<Block> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let cost = 0;
    const pay = (bytes: number): void => {
      if (used + bytes > capacity) throw new BlobError("InsufficientStorage");
      used += bytes;
      cost += bytes;
    };
    try {
      pay(overhead);
      for await (const chunk of content) {
        pay(chunk.length + overhead);
        size += chunk.length;
        chunks.push(Uint8Array.from(chunk));
      }
    } catch (error) {
      used -= cost;
      throw error;
    }
    return { size, cost, chunks, since: clock.now() };
  }

  function free(blocks: Iterable<Block>, kept: Iterable<Block> = []): void {
    const keep = new Set(kept);
    for (const block of new Set(blocks)) if (!keep.has(block)) used -= block.cost;
  }

  function entryOf(name: string): Entry {
    const known = entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { properties: null, content: [], waiting: new Map(), waitingBytes: 0 };
    entries.set(name, entry);
    return entry;
  }

  function replace(
    entry: Entry,
    content: Entry["content"],
    description: BlobProperties["description"],
  ): BlobProperties {
    const before = [...entry.content.map(({ block }) => block), ...entry.waiting.values()];
    free(
      before,
      content.map(({ block }) => block),
    );
    const size = content.reduce((sum, { block }) => sum + block.size, 0);
    const properties = { ...newProperties(entry.properties, clock.now()), size, description };
    entry.properties = properties;
    entry.content = content;
    entry.waiting.clear();
    entry.waitingBytes = 0;
    return properties;
  }

  return {
    limits,
    async putBlob(name, content, describe, precondition) {
      precondition(entries.get(name)?.properties ?? null);
      const block = await take(content);
      try {
        precondition(entries.get(name)?.properties ?? null);
      } catch (error) {
        free([block]);
        throw error;
      }
      return replace(entryOf(name), [{ key: "", block }], describe());
    },
    async putBlock(name, id, content) {
      const key = blockKey(id);
      const block = await take(content);
      const entry = entryOf(name);
      const before = entry.waiting.get(key);
      const blocks = entry.waiting.size + (before === undefined ? 1 : 0);
      const bytes = entry.waitingBytes + block.size - (before?.size ?? 0);
      try {
        checkWaiting({ blocks, bytes }, limits);
      } catch (error) {
        free([block]);
        throw error;
      }
      if (before !== undefined) free([before]);
      entry.waiting.set(key, block);
      entry.waitingBytes = bytes;
    },
    async commit(name, blocks, description, precondition) {
      const entry = entries.get(name);
      precondition(entry?.properties ?? null);
      const committed = new Map(entry?.content.map(({ key, block }) => [key, block]));
      const content = resolveBlocks(blocks, entry?.waiting ?? new Map(), committed, limits);
      return replace(entryOf(name), content, description);
    },
    async properties(name) {
      return entries.get(name)?.properties ?? null;
    },
    async read(name, range) {
      const entry = entries.get(name);
      if (entry === undefined || entry.properties === null) return null;
      const { properties, content } = entry;
      const chunks = content.flatMap(({ block }) => block.chunks);
      return { properties, content: slices(chunks, range) };
    },
    async delete(name) {
      const entry = entries.get(name);
      if (entry === undefined || entry.properties === null) return false;
      entries.delete(name);
      free([...entry.content.map(({ block }) => block), ...entry.waiting.values()]);
      return true;
    },
    async list(folder, after, limit) {
      const found = [...entries]
        .flatMap(([name, { properties }]) =>
          properties !== null && name.startsWith(`${folder}/`) ? [{ name, properties }] : [],
        )
        .filter(({ name }) => after === null || name > after)
        .sort(byName);
      return { blobs: found.slice(0, limit), more: found.length > limit };
    },
    async discardBlocks(time) {
      for (const [name, entry] of entries) {
        const { properties, waiting } = entry;
        for (const [key, block] of waiting) {
          if (block.since >= time) continue;
          waiting.delete(key);
          entry.waitingBytes -= block.size;
          free([block]);
        }
        if (properties === null && waiting.size === 0) entries.delete(name);
      }
    },
  };
}

function byName(a: NamedBlob, b: NamedBlob): number {
  return a.name < b.name ? -1 : 1;
}

async function* slices(
  chunks: readonly Uint8Array[],
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (const chunk of chunks) {
    const start = Math.max(0, (range?.start ?? 0) - position);
    const end = Math.min(chunk.length, (range?.end ?? Infinity) + 1 - position);
    if (start < end) yield chunk.subarray(start, end);
    position += chunk.length;
  }
}
