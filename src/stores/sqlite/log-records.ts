import type { LogMark } from "../shared/backend.ts";
import type { LogRow } from "../shared/changes.ts";
import { bytesOf, logPosition, parse, sequenceNumberOf } from "./codec.ts";
import type { Driver, Row } from "./driver.ts";
import { BlockMessages } from "./block-messages.ts";
import { type BlockHeads, type LogBlock, markIn } from "./log-block.ts";

/** Blocks that are kept as they were read, of at most half a megabyte each. */
const maxKnownBlocks = 8;

/**
 * Reads the blocks of the event log. A block never changes once it is committed, and its place is never another's: its
 * messages are kept for whoever reads on, or reads the same.
 */
export class LogRecords {
  readonly #statements: ReturnType<typeof prepareReads>;
  /** The heads that were parsed last: readers and searches come back to the same block. */
  #parsed: { readonly position: number; readonly heads: BlockHeads } | undefined;
  /** Blocks by their positions, the one that was read last at the end. */
  readonly #known = new Map<number, BlockMessages>();

  constructor(driver: Driver) {
    this.#statements = prepareReads(driver);
  }

  /** Messages of a partition from `from` on, oldest first. */
  rows(partition: number, from: number, limit: number): LogRow[] {
    const rows: LogRow[] = [];
    let next = from;
    while (rows.length < limit) {
      const block = this.#knownAt(partition, next) ?? this.#readFrom(partition, next);
      if (block === undefined) break;
      block.addTo(rows, next, limit);
      next = block.first + block.count;
    }
    return rows;
  }

  #knownAt(partition: number, sequenceNumber: number): BlockMessages | undefined {
    for (const [position, block] of this.#known)
      if (block.has(partition, sequenceNumber)) return this.#keep(position, block);
    return undefined;
  }

  #readFrom(partition: number, from: number): BlockMessages | undefined {
    const stored = this.#blockFrom(partition, from);
    if (stored === undefined) return undefined;
    const { position } = stored;
    const bodies = bytesOf(this.#statements.bodies.get([position])?.["bodies"]);
    const heads = String(this.#statements.heads.get([position])?.["heads"]);
    return this.#keep(position, new BlockMessages({ ...stored, heads, bodies }));
  }

  #keep(position: number, block: BlockMessages): BlockMessages {
    this.#known.delete(position);
    this.#known.set(position, block);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnownBlocks) break;
      this.#known.delete(oldest);
    }
    return block;
  }

  #heads({ position }: StoredBlock): BlockHeads {
    if (this.#parsed?.position !== position) {
      const heads = String(this.#statements.heads.get([position])?.["heads"]);
      this.#parsed = { position, heads: parse(heads) as BlockHeads };
    }
    return this.#parsed.heads;
  }

  mark(partition: number, sequenceNumber: number): LogMark {
    const block = this.#blockFrom(partition, sequenceNumber);
    if (block === undefined || block.first > sequenceNumber) {
      throw new RangeError(`Partition ${partition} has no message ${sequenceNumber}`);
    }
    return markIn(block, this.#heads(block), sequenceNumber);
  }

  /** The number of the newest message that is there with what a search needs of it. */
  last(partition: number): (LogMark & { readonly sequenceNumber: number }) | undefined {
    const row = this.#statements.upTo.get([
      logPosition(partition + 1, 0) - 1,
      logPosition(partition, 0),
    ]);
    if (row === undefined) return undefined;
    const block = blockOf(row, partition);
    const sequenceNumber = block.first + block.count - 1;
    return { sequenceNumber, ...markIn(block, this.#heads(block), sequenceNumber) };
  }

  /** The block that holds a number, or else the next one. */
  #blockFrom(partition: number, from: number): StoredBlock | undefined {
    const position = logPosition(partition, from);
    const start = this.#statements.upTo.get([position, logPosition(partition, 0)]);
    if (start !== undefined) {
      const block = blockOf(start, partition);
      if (block.first + block.count > from) return block;
    }
    const next = this.#statements.after.get([position, logPosition(partition + 1, 0)]);
    return next === undefined ? undefined : blockOf(next, partition);
  }
}

interface StoredBlock extends Omit<LogBlock, "heads" | "bodies"> {
  readonly position: number;
}

function blockOf(row: Row, partition: number): StoredBlock {
  const position = Number(row["position"]);
  return {
    position,
    partition,
    first: sequenceNumberOf(position),
    count: Number(row["count"]),
    enqueued: Number(row["enqueued"]),
    before: Number(row["before"]),
  };
}

function prepareReads(driver: Driver) {
  const columns = "position, count, enqueued, before";
  return {
    upTo: driver.prepare(
      `SELECT ${columns} FROM log WHERE position <= ? AND position >= ? ORDER BY position DESC LIMIT 1`,
    ),
    after: driver.prepare(
      `SELECT ${columns} FROM log WHERE position > ? AND position < ? ORDER BY position LIMIT 1`,
    ),
    heads: driver.prepare("SELECT heads FROM log WHERE position = ?"),
    bodies: driver.prepare("SELECT bodies FROM log WHERE position = ?"),
  };
}
