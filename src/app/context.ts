import type { Dialect } from "../domain/query/ast.ts";
import type { Listeners } from "./listeners.ts";
import type { ThrottleSettings } from "./throttling/throttles.ts";
import type { QuerySlots } from "./query/query-slots.ts";
import type { QueryRow } from "./query/source-rows.ts";
import type { ConfigurationRunner } from "./configurations/configuration-runner.ts";
import type { LiveConnections } from "./connections/live-connections.ts";
import type { QueueSettings } from "../domain/messages/c2d-queue.ts";
import { defaultQueueSettings } from "../domain/messages/c2d-queue.ts";
import type { TransferRunner } from "./transfers/transfer-runner.ts";
import type { JobRunner } from "./jobs/job-runner.ts";
import type { DeletedGroup } from "./messages/consumer-groups.ts";
import type { ExpiryWatch } from "./messages/expiry-watch.ts";
import type { Router } from "./routing/router.ts";
import type { Meter } from "./meter.ts";
import type {
  BlobStore,
  Clock,
  FileStorage,
  HubStore,
  Log,
  OpenContainer,
  Random,
} from "./ports.ts";

export interface HubSettings {
  /** Names under which clients may address this hub, without ports; the first stands in connection strings. */
  readonly hostNames: readonly string[];
  /** How long after its expiry a token is still accepted, in milliseconds (spec/semantics §7.1). */
  readonly clockSkew: number;
  /** Devices and modules together (spec/semantics §15.3). */
  readonly maxIdentities: number;
  /** How long telemetry is kept, in milliseconds (spec/semantics §10). */
  readonly retention: number;
  /** The most that a partition of the event log keeps, in bytes of bodies. */
  readonly maxPartitionBytes: number;
  /** How many committed events are kept for replay. */
  readonly maxOutboxEvents: number;
  readonly queue: QueueSettings;
  /** `strict` answers what the cloud answers, `extended` more. */
  readonly queryDialect: Dialect;
  /** Jobs that run at the same time; others wait (spec/semantics §12). */
  readonly jobConcurrency: number;
  /** PEM of device CAs that the owner of the process vouches for. */
  readonly deviceAuthorities: readonly string[];
  /** Services hear of files that devices have uploaded (spec/semantics §14). */
  readonly fileNotifications: boolean;
  /** `null`: nothing is throttled (spec/semantics §15). */
  readonly throttling: ThrottleSettings | null;
}

/** Where devices send their files. */
export interface HubFiles {
  /** `null`: nowhere, file upload is turned off. */
  readonly storage: FileStorage | null;
  /** The hub's own, if that is where they go. */
  readonly blobs: BlobStore | null;
  /** Signs for the hub's own; Base64. */
  readonly signingKey: string;
}

/** What every use case works with; only the composition root makes one. */
export interface HubContext {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Counts what happens. */
  readonly meter: Meter;
  readonly settings: HubSettings;
  readonly live: LiveConnections;
  readonly expiry: ExpiryWatch;
  readonly files: HubFiles;
  /** Brings messages to their endpoints. */
  readonly router: Router;
  /** Tells whoever waits for feedback that there may be some. */
  readonly feedbackChanged: () => void;
  /** Told after each commit that raised events. */
  readonly committed: Listeners<undefined>;
  /** Bounds how many queries run at the same time. */
  readonly querySlots: QuerySlots;
  /** The store keeps the declared indexes. */
  readonly usesIndexes: boolean;
  /** The rows of `devices.jobs` after a position of `[jobId, deviceId]`, in that order. */
  readonly jobRows: (after: readonly string[]) => AsyncIterable<QueryRow>;
  /** Waits until a job may go on with so many targets. */
  readonly paceJob: (targets: number) => Promise<void>;
  /** Gives jobs their turn. */
  readonly jobs: Pick<JobRunner, "add" | "forget">;
  /** Containers outside of the hub; missing: imports and exports have the hub's own storage only. */
  readonly openContainer?: OpenContainer | undefined;
  /** Runs imports and exports of the registry. */
  readonly transfers: Pick<TransferRunner, "run" | "progressOf">;
  /** Keeps twins as automatic configurations want them. */
  readonly configurations: Pick<ConfigurationRunner, "changed" | "eventsCommitted">;
  /** A service has taken a message, which comes back if it is not settled. */
  readonly serviceMessageTaken: () => void;
  /** Tells whoever holds something by a policy that it was changed or deleted. */
  readonly policyChanged: (name: string) => void;
  /** Tells the readers of a consumer group that it is gone. */
  readonly consumerGroupDeleted: (deleted: DeletedGroup) => void;
  /** The hub's name in messages: the first label of its first host name, or an address as it stands. */
  readonly hubName: string;
  /** True for every name and address that means this hub. */
  readonly isOwnHost: (host: string) => boolean;
}

const day = 86_400_000;

/** IoT Hub's own limits and defaults. */
export const defaultSettings: Omit<HubSettings, "hostNames"> = {
  clockSkew: 300_000,
  maxIdentities: 1_000_000,
  retention: day,
  maxPartitionBytes: 2 ** 30,
  maxOutboxEvents: 100_000,
  queue: defaultQueueSettings,
  queryDialect: "extended",
  jobConcurrency: 10,
  deviceAuthorities: [],
  fileNotifications: true,
  throttling: null,
};
