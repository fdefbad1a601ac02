import type { Meter } from "../../app/meter.ts";
import type {
  Clock,
  CommittedEvent,
  EventLog,
  HubReads,
  HubStore,
  HubTx,
  Log,
  ScanPlan,
  StoreFigures,
  TwinGrouping,
  TwinGroups,
  TwinPage,
  TwinScan,
  TwinTextPage,
} from "../../app/ports.ts";
import type { Identity } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { maxLogPartitions } from "../../domain/routing/limits.ts";
import type { Backend, StoredState, TwinEntry } from "./backend.ts";
import { type AppendListeners, PartitionedLog, placeOf } from "./event-log.ts";
import { type CommitLimits, GroupCommit } from "./group-commit.ts";

export interface StoreParts {
  readonly backend: Backend;
  readonly state: StoredState;
  /** Partitions of the hub's own log. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly limits?: CommitLimits | undefined;
  readonly log?: Log | undefined;
  readonly meter?: Meter | undefined;
  /** Outbox events and messages of each partition that are kept at most; older ones go. */
  readonly maxEvents?: number | undefined;
  /** Bytes of bodies of each partition that are kept at most. */
  readonly maxLogBytes?: number | undefined;
}

/** A store whose backend keeps batches: everything but the keeping. */
export class CommittingStore implements HubStore {
  readonly eventLog: EventLog;
  readonly #backend: Backend;
  readonly #commits: GroupCommit;
  /** By place, made when a log is first asked for. */
  readonly #appendListeners = new Map<number, AppendListeners>();
  #listener: (events: readonly CommittedEvent[]) => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    const { backend, state, maxEvents = Infinity, maxLogBytes = Infinity } = parts;
    this.#backend = backend;
    const commits = new GroupCommit(
      backend,
      state,
      {
        committed: (events) => {
          this.#listener(events);
          // Refused only when the store is closing, and then nothing grows any more.
          if (commits.keptEvents > maxEvents) {
            commits.trimEvents(commits.lastSequence - maxEvents).catch(() => {});
          }
        },
        appended: (partition, last) => {
          const [place, own] = placeOf(partition);
          for (const listener of this.#listenersAt(place)) listener(own, last);
          if (maxEvents === Infinity && maxLogBytes === Infinity) return;
          this.#log(place, maxLogPartitions)
            .retain(own, {
              olderThan: -Infinity,
              maxBytes: maxLogBytes,
              maxMessages: maxEvents,
            })
            .catch(() => {});
        },
      },
      parts.clock,
      parts.limits,
      parts.log,
      parts.meter,
    );
    this.#commits = commits;
    this.eventLog = this.#log(0, parts.partitions);
  }

  endpointLog(place: number, partitions: number): EventLog {
    return this.#log(place, partitions);
  }

  #log(place: number, partitions: number): PartitionedLog {
    const listeners = this.#listenersAt(place);
    const { records } = this.#backend;
    return new PartitionedLog({ place, partitions, records, commits: this.#commits, listeners });
  }

  #listenersAt(place: number): AppendListeners {
    const known = this.#appendListeners.get(place);
    if (known !== undefined) return known;
    const listeners: AppendListeners = new Set();
    this.#appendListeners.set(place, listeners);
    return listeners;
  }

  /** One order for all keys: stronger than what the port asks for. */
  transaction<T>(_key: IdentityKey | null, work: (tx: HubTx) => T): Promise<T> {
    return this.#commits.transaction(work);
  }

  /** Works run in turns of their own: between two of them there is nothing but what is committed, or answered already. */
  async read<T>(_key: IdentityKey | null, work: (reads: HubReads) => T): Promise<T> {
    return this.#commits.read(work);
  }

  async listDevices(after: string | null, limit: number): Promise<readonly Identity[]> {
    return this.#backend.records.listDevices(after, limit);
  }

  async listTwins(
    of: "devices" | "modules",
    after: IdentityKey | null,
    limit: number,
  ): Promise<readonly TwinEntry[]> {
    return this.#backend.listTwins(of, after, limit);
  }

  async scanTwins(scan: TwinScan): Promise<TwinPage> {
    await this.#commits.whenWritten();
    return this.#backend.scanTwins(scan);
  }

  async scanTwinTexts(scan: TwinScan): Promise<TwinTextPage | null> {
    await this.#commits.whenWritten();
    return this.#backend.scanTwinTexts(scan);
  }

  async groupTwins(grouping: TwinGrouping): Promise<TwinGroups | null> {
    await this.#commits.whenWritten();
    return this.#backend.groupTwins(grouping);
  }

  explainScan(scan: Pick<TwinScan, "source" | "where">): Promise<ScanPlan | null> {
    return this.#backend.explainScan(scan);
  }

  ensureIndexes(paths: readonly (readonly string[])[]): Promise<boolean> {
    return this.#commits.alone(() => this.#backend.ensureIndexes(paths));
  }

  async events(after: number, limit: number): Promise<readonly CommittedEvent[]> {
    await this.#commits.whenWritten();
    return this.#backend.records.events(Math.max(after, this.#commits.trimmedSequence), limit);
  }

  async lastEvent(): Promise<number> {
    await this.#commits.whenWritten();
    return this.#commits.lastSequence;
  }

  figures(): StoreFigures {
    return this.#commits.figures(this.eventLog.partitions);
  }

  async queueNames(
    prefix: string,
    after: string | null,
    limit: number,
  ): Promise<readonly string[]> {
    return this.#backend.records.queueNames(prefix, after, limit);
  }

  async trimEvents(upTo: number): Promise<void> {
    await this.#commits.trimEvents(upTo);
  }

  onCommitted(listener: (events: readonly CommittedEvent[]) => void): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#backend.close();
  }
}
