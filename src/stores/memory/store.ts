import type { Meter } from "../../app/meter.ts";
import type { Clock, HubStore } from "../../app/ports.ts";
import { never } from "../../domain/time.ts";
import type { Backend } from "../shared/backend.ts";
import { allPartitions } from "../shared/event-log.ts";
import { CommittingStore } from "../shared/committing-store.ts";
import { MemoryRecords } from "./records.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Partitions of the event log. */
  readonly partitions: number;
  readonly meter?: Meter | undefined;
  /** Outbox events, and messages in each partition, that are kept; older ones are dropped. Default 10,000. */
  readonly maxEvents?: number | undefined;
  /** Bytes of bodies kept in each partition. Default 64 MiB. */
  readonly maxLogBytes?: number | undefined;
}

/** A store for tests: it batches and orders like the others, and forgets everything with the process. */
export function createMemoryStore(options: MemoryStoreOptions): HubStore {
  const { clock, partitions, maxEvents = 10_000, maxLogBytes = 64 * 1024 * 1024 } = options;
  const records = new MemoryRecords(allPartitions);
  const backend: Backend = {
    records,
    listTwins: (of, after, limit) => records.listTwins(of, after, limit),
    scanTwins: async (scan) => records.scanTwins(scan),
    scanTwinTexts: async () => null,
    // Whoever can see all rows at once may as well look at them, and needs no index.
    groupTwins: async () => null,
    explainScan: async () => null,
    ensureIndexes: async () => false,
    commit: (changes, firstSequence) => records.apply(changes, firstSequence),
    explain: () => "The store in memory refused a commit",
    blames: () => false,
    close: () => Promise.resolve(),
  };
  const tail = { first: 1, last: 0, enqueued: never, total: 0, dropped: 0 };
  const state = {
    lastSequence: 0,
    trimmedSequence: 0,
    lastQueueNumber: 0,
    counts: { devices: 0, disabledDevices: 0, modules: 0 },
    tails: Array.from({ length: allPartitions }, () => tail),
  };
  return new CommittingStore({
    backend,
    state,
    partitions,
    clock,
    maxEvents,
    maxLogBytes,
    meter: options.meter,
  });
}
