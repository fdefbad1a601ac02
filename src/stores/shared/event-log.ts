import type { Completion } from "../../app/completion.ts";
import type { EventLog, LoggedMessage, LogPosition, PartitionInfo } from "../../app/ports.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import { maxEndpoints, maxLogPartitions } from "../../domain/routing/limits.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Records } from "./backend.ts";
import type { GroupCommit } from "./group-commit.ts";
import { firstWhere } from "./ordinal.ts";

/** Messages that one commit removes at most: bounds how long trimming holds up the event loop. */
const maxTrimmed = 500;

/** Partitions of all logs together. A log's own begin at `maxLogPartitions` times its place; the hub's own has place 0. */
export const allPartitions = maxLogPartitions * (maxEndpoints + 1);

/** The place of the log that a partition of all belongs to, and its number there. */
export function placeOf(partition: number): readonly [place: number, partition: number] {
  const own = partition % maxLogPartitions;
  return [(partition - own) / maxLogPartitions, own];
}

type AppendListener = (partition: number, lastSequenceNumber: number) => void;

/** Who hears of what is appended to a log. */
export type AppendListeners = Set<AppendListener>;

/** What may remain of a partition. */
export interface Retention {
  readonly olderThan: Milliseconds;
  readonly maxBytes: number;
  readonly maxMessages: number;
}

export interface LogParts {
  readonly place: number;
  readonly partitions: number;
  readonly records: Records;
  readonly commits: GroupCommit;
  /** Those of the log's place. */
  readonly listeners: AppendListeners;
}

/** A log over a backend's rows; appends join the group commit of the state. */
export class PartitionedLog implements EventLog {
  readonly partitions: number;
  readonly #base: number;
  readonly #records: Records;
  readonly #commits: GroupCommit;
  readonly #listeners: AppendListeners;

  constructor({ place, partitions, records, commits, listeners }: LogParts) {
    if (!(place >= 0 && place <= maxEndpoints && partitions >= 1 && partitions <= maxLogPartitions))
      throw new RangeError(`There is no log ${place} of ${partitions} partitions`);
    this.partitions = partitions;
    this.#base = place * maxLogPartitions;
    this.#records = records;
    this.#commits = commits;
    this.#listeners = listeners;
  }

  append(partition: number, message: EventMessage): Promise<LogPosition> {
    // Every message of every device comes through here: no more promises than it takes.
    if (this.#base === 0 && partition < this.partitions)
      return this.#commits.append(partition, message);
    return this.#appendAmong(partition, message);
  }

  appendAll(partition: number, messages: readonly EventMessage[], completion: Completion): void {
    this.#commits.appendAll(this.#among(partition), messages, completion);
  }

  async #appendAmong(partition: number, message: EventMessage): Promise<LogPosition> {
    const { sequenceNumber } = await this.#commits.append(this.#among(partition), message);
    return { partition, sequenceNumber };
  }

  async read(partition: number, from: number, limit: number): Promise<readonly LoggedMessage[]> {
    const among = this.#among(partition);
    const { first } = this.#commits.tail(among);
    const rows = this.#records.logRows(among, Math.max(first, from), limit);
    return rows.map(({ sequenceNumber, message }) => ({ partition, sequenceNumber, message }));
  }

  async seek(partition: number, time: Milliseconds): Promise<number> {
    return this.#firstSince(this.#among(partition), time);
  }

  async info(partition: number): Promise<PartitionInfo> {
    const { first, last, enqueued } = this.#commits.tail(this.#among(partition));
    return {
      partition,
      firstSequenceNumber: first,
      lastSequenceNumber: last,
      lastEnqueuedTime: enqueued,
    };
  }

  onAppended(listener: AppendListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async trim(olderThan: Milliseconds, maxBytes: number): Promise<void> {
    for (let partition = 0; partition < this.partitions; partition++) {
      await this.retain(partition, { olderThan, maxBytes, maxMessages: Infinity });
    }
  }

  /** Drops the oldest messages of a partition, in several commits if they are many. */
  async retain(own: number, retention: Retention): Promise<void> {
    const partition = this.#among(own);
    const upTo = this.#lastToDrop(partition, retention);
    for (;;) {
      const { first } = this.#commits.tail(partition);
      if (upTo < first) return;
      const end = Math.min(upTo, first + maxTrimmed - 1);
      const { enqueued, total } = this.#records.logMark(partition, end);
      await this.#commits.trimLog(partition, { upTo: end, enqueued, total });
    }
  }

  /** The number of a partition of this log among all. */
  #among(partition: number): number {
    if (partition >= 0 && partition < this.partitions) return this.#base + partition;
    throw new RangeError(`There is no partition ${partition} of ${this.partitions}`);
  }

  #lastToDrop(partition: number, retention: Retention): number {
    const { first, last, total, dropped } = this.#commits.tail(partition);
    const { olderThan, maxBytes, maxMessages } = retention;
    const byAge = this.#firstSince(partition, olderThan) - 1;
    const byCount = last - maxMessages;
    if (total - dropped <= maxBytes) return Math.max(byAge, byCount);
    const fits = (n: number) => total - this.#records.logMark(partition, n).total <= maxBytes;
    return Math.max(byAge, byCount, Math.min(firstWhere(first, last, fits), last));
  }

  #firstSince(partition: number, time: Milliseconds): number {
    const { first, last } = this.#commits.tail(partition);
    return firstWhere(first, last, (n) => this.#records.logMark(partition, n).enqueued >= time);
  }
}
