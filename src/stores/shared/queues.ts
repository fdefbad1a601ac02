import type { QueueItem } from "../../app/ports.ts";
import type { JsonObject } from "../../domain/json.ts";

/** Durable queues as they are committed. */
export interface QueueRecords {
  /** The oldest items, at most `limit`. */
  queue(name: string, limit: number): readonly QueueItem[];
  queueItem(name: string, sequence: number): QueueItem | undefined;
  queueLength(name: string): number;
  queueNames(prefix: string, after: string | null, limit: number): readonly string[];
}

/** Items of one queue by sequence number; `null` stands for a deletion. */
export type WrittenItems = Map<number, QueueItem | null>;

/** What one work or a batch did to queues. Numbers rise across all queues, hence also within each. */
export class QueueChanges {
  readonly written = new Map<string, WrittenItems>();
  /** By how much the lengths changed. */
  readonly lengths = new Map<string, number>();
  /** How many items were added. */
  added = 0;
  /** How many items were deleted. */
  deleted = 0;

  write(name: string, sequence: number, item: QueueItem | null): void {
    const items = this.written.get(name);
    if (items === undefined) this.written.set(name, new Map([[sequence, item]]));
    else items.set(sequence, item);
  }

  lengthen(name: string, by: number): void {
    this.lengths.set(name, (this.lengths.get(name) ?? 0) + by);
  }

  clear(): void {
    if (this.written.size > 0) this.written.clear();
    if (this.lengths.size > 0) this.lengths.clear();
    this.added = 0;
    this.deleted = 0;
  }

  merge(work: QueueChanges): void {
    this.added += work.added;
    this.deleted += work.deleted;
    for (const [name, by] of work.lengths) this.lengthen(name, by);
    for (const [name, items] of work.written) {
      for (const [sequence, item] of items) this.write(name, sequence, item);
    }
  }
}

/** Queues as a work sees them: its own changes over its batch's over what is committed. */
export class LayeredQueues {
  readonly #committed: QueueRecords;
  /** The last number given before the batch, and before the work. */
  readonly #beforeBatch: number;
  readonly #beforeWork: number;
  readonly #batch: QueueChanges;
  readonly #work: QueueChanges;

  constructor(
    committed: QueueRecords,
    lastNumber: number,
    batch: QueueChanges,
    work: QueueChanges,
  ) {
    this.#committed = committed;
    this.#beforeBatch = lastNumber;
    this.#beforeWork = lastNumber + batch.added;
    this.#batch = batch;
    this.#work = work;
  }

  oldest(name: string, limit: number): readonly QueueItem[] {
    const inBatch = this.#batch.written.get(name);
    const inWork = this.#work.written.get(name);
    if (inBatch === undefined && inWork === undefined) return this.#committed.queue(name, limit);
    const hidden = deletions(inBatch) + deletions(inWork);
    const items: QueueItem[] = [];
    const see = (sequence: number, committed: QueueItem | undefined) => {
      const item = written(sequence, inWork, inBatch);
      const seen = item === undefined ? committed : item;
      if (seen != null && items.length < limit) items.push(seen);
    };
    for (const row of this.#committed.queue(name, limit + hidden)) see(row.sequence, row);
    // Added items stand behind all committed ones, in the order of the maps.
    for (const sequence of inBatch?.keys() ?? []) {
      if (items.length >= limit) break;
      if (sequence > this.#beforeBatch) see(sequence, undefined);
    }
    for (const sequence of inWork?.keys() ?? []) {
      if (items.length >= limit) break;
      if (sequence > this.#beforeWork) see(sequence, undefined);
    }
    return items;
  }

  length(name: string): number {
    const committed = this.#committed.queueLength(name);
    return committed + (this.#batch.lengths.get(name) ?? 0) + (this.#work.lengths.get(name) ?? 0);
  }

  add(name: string, value: JsonObject, body: Uint8Array): number {
    this.#work.added++;
    const sequence = this.#beforeWork + this.#work.added;
    this.#work.write(name, sequence, { sequence, value, body });
    this.#work.lengthen(name, 1);
    return sequence;
  }

  /** False if there is no such item. */
  update(name: string, sequence: number, value: JsonObject): boolean {
    const item = this.item(name, sequence);
    if (item === undefined) return false;
    this.#work.write(name, sequence, { ...item, value });
    return true;
  }

  /** False if there is no such item. */
  delete(name: string, sequence: number): boolean {
    if (this.item(name, sequence) === undefined) return false;
    this.#work.write(name, sequence, null);
    this.#work.deleted++;
    this.#work.lengthen(name, -1);
    return true;
  }

  item(name: string, sequence: number): QueueItem | undefined {
    const item = written(sequence, this.#work.written.get(name), this.#batch.written.get(name));
    return item === undefined ? this.#committed.queueItem(name, sequence) : (item ?? undefined);
  }
}

function written(
  sequence: number,
  inWork: WrittenItems | undefined,
  inBatch: WrittenItems | undefined,
): QueueItem | null | undefined {
  const own = inWork?.get(sequence);
  return own === undefined ? inBatch?.get(sequence) : own;
}

function deletions(items: WrittenItems | undefined): number {
  let count = 0;
  for (const item of items?.values() ?? []) if (item === null) count++;
  return count;
}
