import type { EventLog, LoggedMessage, LogPosition, PartitionInfo } from "../../app/ports.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Records } from "./backend.ts";
import type { GroupCommit } from "./group-commit.ts";
import { firstWhere } from "./ordinal.ts";

/** Messages that one commit removes at most: bounds how long trimming holds up the event loop. */
const maxTrimmed = 500;

type AppendListener = (partition: number, lastSequenceNumber: number) => void;

/** What may remain of a partition. */
export interface Retention {
  readonly olderThan: Milliseconds;
  readonly maxBytes: number;
  readonly maxMessages: number;
}

/** The event log over a backend's rows; appends join the group commit of the state. */
export class PartitionedLog implements EventLog {
  readonly partitions: number;
  readonly #records: Records;
  readonly #commits: GroupCommit;
  readonly #listeners = new Set<AppendListener>();

  constructor(partitions: number, records: Records, commits: GroupCommit) {
    this.partitions = partitions;
    this.#records = records;
    this.#commits = commits;
  }

  append(partition: number, message: EventMessage): Promise<LogPosition> {
    return this.#commits.append(partition, message);
  }

  async read(partition: number, from: number, limit: number): Promise<readonly LoggedMessage[]> {
    const { first } = this.#commits.tail(partition);
    const rows = this.#records.logRows(partition, Math.max(first, from), limit);
    return rows.map(({ sequenceNumber, message }) => ({ partition, sequenceNumber, message }));
  }

  async seek(partition: number, time: Milliseconds): Promise<number> {
    return this.#firstSince(partition, time);
  }

  async info(partition: number): Promise<PartitionInfo> {
    const { first, last, enqueued } = this.#commits.tail(partition);
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

  /** Tells every listener. */
  announce(partition: number, lastSequenceNumber: number): void {
    for (const listener of this.#listeners) listener(partition, lastSequenceNumber);
  }

  async trim(olderThan: Milliseconds, maxBytes: number): Promise<void> {
    for (let partition = 0; partition < this.partitions; partition++) {
      await this.retain(partition, { olderThan, maxBytes, maxMessages: Infinity });
    }
  }

  /** Drops the oldest messages of a partition, in several commits if they are many. */
  async retain(partition: number, retention: Retention): Promise<void> {
    const upTo = this.#lastToDrop(partition, retention);
    for (;;) {
      const { first } = this.#commits.tail(partition);
      if (upTo < first) return;
      const end = Math.min(upTo, first + maxTrimmed - 1);
      const { enqueued, total } = this.#records.logMark(partition, end);
      await this.#commits.trimLog(partition, { upTo: end, enqueued, total });
    }
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
