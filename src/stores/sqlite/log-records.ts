import type { LogMark } from "../shared/backend.ts";
import type { LogRow } from "../shared/changes.ts";
import { bytesOf, logPosition, parse, sequenceNumberOf } from "./codec.ts";
import type { Driver, Row } from "./driver.ts";
import { type BlockHeads, type LogBlock, markIn, rowsOf } from "./log-block.ts";

/** Reads the blocks of the event log. A block never changes once it is committed. */
export class LogRecords {
  readonly #statements: ReturnType<typeof prepareReads>;
  /** The heads that were parsed last: readers and searches come back to the same block. */
  #parsed: { readonly position: number; readonly heads: BlockHeads } | undefined;

  constructor(driver: Driver) {
    this.#statements = prepareReads(driver);
  }

  /** Messages of a partition from `from` on, oldest first. */
  rows(partition: number, from: number, limit: number): LogRow[] {
    const rows: LogRow[] = [];
    let next = from;
    while (rows.length < limit) {
      const block = this.#blockFrom(partition, next);
      if (block === undefined) break;
      const bodies = bytesOf(this.#statements.bodies.get([block.position])?.["bodies"]);
      const heads = this.#heads(block);
      for (const row of rowsOf({ ...block, bodies }, heads, next, limit - rows.length))
        rows.push(row);
      next = block.first + block.count;
    }
    return rows;
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

  #heads({ position, heads }: StoredBlock): BlockHeads {
    if (this.#parsed?.position !== position) {
      this.#parsed = { position, heads: parse(heads) as BlockHeads };
    }
    return this.#parsed.heads;
  }
}

interface StoredBlock extends Omit<LogBlock, "bodies"> {
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
    heads: String(row["heads"]),
  };
}

function prepareReads(driver: Driver) {
  const columns = "position, count, enqueued, before, heads";
  return {
    upTo: driver.prepare(
      `SELECT ${columns} FROM log WHERE position <= ? AND position >= ? ORDER BY position DESC LIMIT 1`,
    ),
    after: driver.prepare(
      `SELECT ${columns} FROM log WHERE position > ? AND position < ? ORDER BY position LIMIT 1`,
    ),
    bodies: driver.prepare("SELECT bodies FROM log WHERE position = ?"),
  };
}
