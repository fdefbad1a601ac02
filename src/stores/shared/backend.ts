import type {
  CommittedEvent,
  RegistryCounts,
  ScanPlan,
  Session,
  TwinGrouping,
  TwinGroups,
  TwinPage,
  TwinScan,
  TwinTextPage,
} from "../../app/ports.ts";
import type { Identity, Module, Presence } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { Changes, LogRow } from "./changes.ts";
import type { QueueRecords } from "./queues.ts";

/** Committed records, by `keyText` or name. What is returned is never changed afterwards. */
export interface Records extends QueueRecords {
  identity(key: string): Identity | undefined;
  twin(key: string): Twin | undefined;
  presence(key: string): Presence | undefined;
  session(key: string): Session | undefined;
  policy(name: string): Policy | undefined;
  document(collection: string, id: string): JsonObject | undefined;
  /** Ordered by id. */
  modulesOf(deviceId: string): readonly Module[];
  /** Ordered by name. */
  policies(): readonly Policy[];
  /** Ordered by id. */
  documents(collection: string): readonly DocumentEntry[];

  listDevices(after: string | null, limit: number): readonly Identity[];
  /** Outbox events after `sequence`, which is not below the last trim, oldest first. */
  events(after: number, limit: number): readonly CommittedEvent[];
  /** Log rows of a partition from `from` on, oldest first. */
  logRows(partition: number, from: number, limit: number): readonly LogRow[];
  /** What a search needs of one row that is kept. */
  logMark(partition: number, sequenceNumber: number): LogMark;
}

export interface DocumentEntry {
  readonly id: string;
  readonly value: JsonObject;
}

export interface TwinEntry {
  readonly identity: Identity;
  readonly twin: Twin;
}

export type LogMark = Pick<LogRow, "enqueued" | "total">;

/** Where a partition begins and ends. */
export interface LogTail {
  /** The first number kept; `last` + 1 when nothing is. */
  readonly first: number;
  /** The number of the newest message ever appended, or 0. */
  readonly last: number;
  readonly enqueued: Milliseconds;
  readonly total: number;
  /** `total` of the newest message that was dropped, or 0. */
  readonly dropped: number;
}

/** What must be known of the stored state to go on from it. */
export interface StoredState {
  readonly lastSequence: number;
  readonly trimmedSequence: number;
  /** The last number that an item of a queue got. */
  readonly lastQueueNumber: number;
  readonly counts: RegistryCounts;
  /** One for each partition of all logs. */
  readonly tails: readonly LogTail[];
}

/** A place where batches are kept. */
export interface Backend {
  readonly records: Records;
  /**
   * Writes all of it durably or throws with nothing written. The first event gets `firstSequence`;
   * `lastQueueNumber` is the last number given to an item of a queue, those of `changes` included.
   */
  commit(changes: Changes, firstSequence: number, lastQueueNumber: number): void;
  listTwins(
    of: "devices" | "modules",
    after: IdentityKey | null,
    limit: number,
  ): readonly TwinEntry[];
  scanTwins(scan: TwinScan): Promise<TwinPage>;
  scanTwinTexts(scan: TwinScan): Promise<TwinTextPage | null>;
  groupTwins(grouping: TwinGrouping): Promise<TwinGroups | null>;
  explainScan(scan: Pick<TwinScan, "source" | "where">): Promise<ScanPlan | null>;
  /** See HubStore; nothing else is asked for until it has resolved. */
  ensureIndexes(paths: readonly (readonly string[])[]): Promise<boolean>;
  /** A sentence that tells an operator what a failed commit means and what to do. */
  explain(error: unknown): string;
  /** True if the failure lies in what was written, not in the disk: the other works of the batch may pass. */
  blames(error: unknown): boolean;
  close(): Promise<void>;
}
