import type { HubEvent } from "../domain/events/hub-event.ts";
import type {
  BlobDescription,
  BlobProperties,
  BlockReference,
  ByteRange,
  NamedBlob,
} from "../domain/files/blob.ts";
import type { BlobLimits } from "../domain/files/limits.ts";
import type { Expression, PathExpression } from "../domain/query/ast.ts";
import type { SqlFragment } from "../domain/query/sql-fragment.ts";
import type { Device, Identity, Module, Presence } from "../domain/identity/identity.ts";
import type { IdentityKey } from "../domain/identity/key.ts";
import type { Policy } from "../domain/identity/policy.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { EventMessage } from "../domain/messages/telemetry.ts";
import type { Milliseconds } from "../domain/time.ts";
import type { Report } from "../domain/twin/apply-reported.ts";
import type { Twin } from "../domain/twin/twin.ts";
import type { TwinText } from "../domain/twin/view.ts";
import type { Completion } from "./completion.ts";

/** The only time there is. */
export interface Clock {
  now(): Milliseconds;
  /** Calls back once after `delay` milliseconds; the returned function cancels it. Never keeps the process alive. */
  after(delay: Milliseconds, work: () => void): () => void;
}

/** The only randomness there is. */
export interface Random {
  /** `length` random bytes as Base64. */
  base64(length: number): string;
  /** A lower-case UUID. */
  uuid(): string;
  /** An integer from 0 to `below` - 1. */
  integer(below: number): number;
}

/** A durable subscription of a persistent MQTT session (spec/mqtt §3). */
export interface Subscription {
  readonly filter: string;
  readonly qos: 0 | 1;
}

export interface Session {
  readonly subscriptions: readonly Subscription[];
}

/** What can be asked of the state. */
export interface HubReads {
  /** One time for all that is read together. */
  readonly now: Milliseconds;

  identity(key: IdentityKey): Identity | undefined;
  /** The modules of a device, ordered by id. */
  modulesOf(deviceId: string): readonly Module[];
  twin(key: IdentityKey): Twin | undefined;
  presence(key: IdentityKey): Presence | undefined;
  session(key: IdentityKey): Session | undefined;
  policy(name: string): Policy | undefined;
  policies(): readonly Policy[];

  /** Small documents by collection and id: hub settings and whatever later parts keep. */
  document(collection: string, id: string): JsonObject | undefined;
  documents(collection: string): readonly { readonly id: string; readonly value: JsonObject }[];

  counts(): RegistryCounts;

  /** The oldest items of a durable queue, in the order of their sequence numbers, at most `limit`. */
  queue(name: string, limit: number): readonly QueueItem[];
  queueItem(name: string, sequence: number): QueueItem | undefined;
  queueLength(name: string): number;
}

/**
 * One unit of work. Reads see what earlier transactions wrote, committed or about to be committed before this
 * one; writes are applied together or not at all: whatever `work` throws undoes them.
 *
 * A store may run the same work more than once, so it must be free of side effects.
 */
export interface HubTx extends HubReads {
  putIdentity(identity: Identity): void;
  deleteIdentity(key: IdentityKey): void;

  putTwin(key: IdentityKey, twin: Twin): void;
  /** The same of a twin that is `withReport` of the one that `twin` gives: a store may keep the report in its place. */
  putReport(key: IdentityKey, twin: Twin, report: Report): void;
  deleteTwin(key: IdentityKey): void;

  putPresence(key: IdentityKey, presence: Presence): void;
  deletePresence(key: IdentityKey): void;

  putSession(key: IdentityKey, session: Session): void;
  deleteSession(key: IdentityKey): void;

  putPolicy(policy: Policy): void;
  deletePolicy(name: string): void;

  putDocument(collection: string, id: string, value: JsonObject): void;
  deleteDocument(collection: string, id: string): void;

  /** Appends an item; gives back its sequence number, which rises within a queue for ever. */
  addToQueue(name: string, value: JsonObject, body: Uint8Array): number;
  /** Writes an item's value anew, for example its lock. */
  updateQueueItem(name: string, sequence: number, value: JsonObject): void;
  deleteFromQueue(name: string, sequence: number): void;

  /** Puts the event into the outbox, in the same commit. */
  emit(event: HubEvent): void;
}

/** A message that waits: what is known about it, and its body. */
export interface QueueItem {
  readonly sequence: number;
  readonly value: JsonObject;
  readonly body: Uint8Array;
}

export interface RegistryCounts {
  readonly devices: number;
  readonly disabledDevices: number;
  readonly modules: number;
}

/** An event of the outbox with its place in the hub-wide, gap-free order of commits. */
export interface CommittedEvent {
  /** From 1, without gaps. */
  readonly sequence: number;
  readonly event: HubEvent;
}

/**
 * The hub's state. A store knows no rule: it has verbs like get, put and delete, and runs transactions.
 * Every adapter passes `stores/conformance`.
 */
export interface HubStore {
  /**
   * Runs `work` and resolves with its result after the commit is durable. `key` is what the work is about:
   * two transactions with the same device id run in the order in which they were asked for.
   * Rejects with what `work` throws, with nothing written. A work that writes nothing costs no commit. Presence and
   * `connectionChanged` events wait a moment for the commit of something else, and a work that writes nothing besides
   * does not wait for them: later works see them at once, and a hub starts with nobody connected anyway.
   */
  transaction<T>(key: IdentityKey | null, work: (tx: HubTx) => T): Promise<T>;

  /**
   * Runs `work` on every write that was acknowledged before, and resolves without waiting for those that were not. For
   * what needs no place in the order of transactions. Rejects with what `work` throws.
   */
  read<T>(key: IdentityKey | null, work: (reads: HubReads) => T): Promise<T>;

  /** Devices (without modules) in ordinal order of their ids, after `after`, at most `limit`. Sees every acknowledged write. */
  listDevices(after: string | null, limit: number): Promise<readonly Identity[]>;

  /** Twins of devices or of modules in ordinal order of (deviceId, moduleId), after `after`, at most `limit`. */
  listTwins(
    of: "devices" | "modules",
    after: IdentityKey | null,
    limit: number,
  ): Promise<readonly { readonly identity: Identity; readonly twin: Twin }[]>;

  /**
   * A step through the twins in ordinal order of (deviceId, moduleId), for queries: among its rows is every one that the
   * step went over and for which `where` holds; others may be, which the caller sorts out. A step that has found fewer
   * rows than `limit`, or none, need not be the last one. Sees every acknowledged write; takes a bounded time, and none
   * of the event loop's while it looks.
   */
  scanTwins(scan: TwinScan): Promise<TwinPage>;
  /** The same with texts, and only what matches; null if the store can't decide the condition or holds no texts. */
  scanTwinTexts(scan: TwinScan): Promise<TwinTextPage | null>;

  /** A step of counting in groups, or null if the store can't do it without showing the rows. */
  groupTwins(grouping: TwinGrouping): Promise<TwinGroups | null>;

  /** How a scan would be answered, or null if the store has nothing to decide. */
  explainScan(scan: Pick<TwinScan, "source" | "where">): Promise<ScanPlan | null>;

  /**
   * Makes indexes for exactly these paths of twins, for example `["tags", "site"]`, and drops those for others; resolves
   * with true when they are there. While an index is built, everything else that is asked of the store waits. False if
   * the store needs none.
   */
  ensureIndexes(paths: readonly (readonly string[])[]): Promise<boolean>;

  /** The outbox after `sequence`, at most `limit`, oldest first. */
  events(after: number, limit: number): Promise<readonly CommittedEvent[]>;

  /** The sequence of the newest committed event, 0 when there never was one. */
  lastEvent(): Promise<number>;

  /** Removes events up to and including `upTo`; a number below the oldest removes nothing. */
  trimEvents(upTo: number): Promise<void>;

  /**
   * Hears of every committed event, once, in commit order, after the promises of their transactions have
   * resolved. One listener.
   */
  onCommitted(listener: (events: readonly CommittedEvent[]) => void): void;

  /** The log of device-to-cloud messages that is kept beside the state. */
  readonly eventLog: EventLog;

  /**
   * Another log, for a route's endpoint, at one of the places 1 to `maxEndpoints`, with 1 to `maxLogPartitions`
   * partitions; appends join the commits of the state as those of `eventLog` do. A place that nobody has used is an empty
   * log, and its sequence numbers rise for ever.
   */
  endpointLog(place: number, partitions: number): EventLog;

  /** What waits and what is kept, now: reads numbers in memory and asks nobody. */
  figures(): StoreFigures;

  /** Names of queues that are not empty and begin with `prefix`, in ordinal order, after `after`, at most `limit`. */
  queueNames(prefix: string, after: string | null, limit: number): Promise<readonly string[]>;

  /** Finishes what was asked for, then lets go of files and threads. */
  close(): Promise<void>;
}

/** Sizes are bytes. */
export interface StoreFigures {
  /** Operations that wait for a commit, and the bodies of messages among them. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly outboxEvents: number;
  readonly eventLog: {
    readonly messages: number;
    readonly bytes: number;
    /** Ever. */
    readonly appended: number;
    readonly appendedBytes: number;
  };
}

export interface TwinScan {
  readonly source: "devices" | "devices.modules";
  readonly where: Expression | null;
  /** Go on after this row; null to begin. */
  readonly after: IdentityKey | null;
  /** Rows of one page, at most. */
  readonly limit: number;
}

/** What a query's row is made of. */
export interface TwinRow {
  readonly identity: Identity;
  /** The device itself, or the device of the module. */
  readonly device: Device;
  readonly twin: Twin;
  readonly presence: Presence | undefined;
}

export interface TwinPage {
  readonly rows: readonly TwinRow[];
  /** Where the next step begins; null after the last one. */
  readonly next: IdentityKey | null;
}

/** What the text of a query's row is made of. */
export interface TwinTextRow extends Omit<TwinRow, "twin"> {
  readonly twin: TwinText;
}

export interface TwinTextPage {
  readonly rows: readonly TwinTextRow[];
  /** Where the next step begins; null after the last one. */
  readonly next: IdentityKey | null;
}

export interface TwinGrouping {
  readonly source: "devices" | "devices.modules";
  readonly where: Expression | null;
  /** What makes a group; none for one group of all rows. */
  readonly paths: readonly PathExpression[];
  /** Go on after this row; null to begin. */
  readonly after: IdentityKey | null;
  /** Groups of one step, at most; one more is answered if there are more. */
  readonly limit: number;
}

export interface TwinGroups {
  /** Those of this step: a group comes again if a later step finds more of it. */
  readonly groups: readonly TwinGroup[];
  /** Where the next step begins; null after the last one. */
  readonly next: IdentityKey | null;
}

export interface TwinGroup {
  /** The values of the paths; undefined where a path is. */
  readonly keys: readonly (Json | undefined)[];
  readonly count: number;
}

/** What a store would do with a condition. */
export interface ScanPlan {
  /** What it decides itself; null for nothing. */
  readonly condition: SqlFragment | null;
  /** The database's own words, one line for each table. */
  readonly steps: readonly string[];
  /** The declared index that is used, for example `tags.site`; null for none. */
  readonly index: readonly string[] | null;
}

/** A place in a partition of the event log. */
export interface LogPosition {
  readonly partition: number;
  /** From 1, without gaps within a partition. */
  readonly sequenceNumber: number;
}

export interface LoggedMessage extends LogPosition {
  readonly message: EventMessage;
}

export interface PartitionInfo {
  readonly partition: number;
  /** The first number still kept; `lastSequenceNumber` + 1 when nothing is. */
  readonly firstSequenceNumber: number;
  /** The number of the newest message, 0 when there never was one. */
  readonly lastSequenceNumber: number;
  readonly lastEnqueuedTime: Milliseconds;
}

/** The partitioned device-to-cloud stream. */
export interface EventLog {
  readonly partitions: number;
  /** Resolves when the message is durable. Messages of one partition keep the order in which they were appended. */
  append(partition: number, message: EventMessage): Promise<LogPosition>;
  /** Several messages, in order: completed when they are durable, or refused with none of them kept. */
  appendAll(partition: number, messages: readonly EventMessage[], completion: Completion): void;
  /** Messages of a partition from `from` on, oldest first, at most `limit`. */
  read(partition: number, from: number, limit: number): Promise<readonly LoggedMessage[]>;
  /** The number of the first message enqueued at `time` or later; `lastSequenceNumber` + 1 if there is none. */
  seek(partition: number, time: Milliseconds): Promise<number>;
  info(partition: number): Promise<PartitionInfo>;
  /** Calls back, after they are durable, when messages were appended; the returned function ends it. */
  onAppended(listener: (partition: number, lastSequenceNumber: number) => void): () => void;
  /** Drops messages enqueued before `olderThan`, and the oldest ones until at most `maxBytes` of bodies remain in each partition. */
  trim(olderThan: Milliseconds, maxBytes: number): Promise<void>;
}

/** Content on its way into a store. A throw while it is read discards it. */
export type BlobContent = AsyncIterable<Uint8Array>;

/** Asked with what is stored, or null, before anything is replaced; whatever it throws leaves all as it was. */
export type BlobPrecondition = (stored: BlobProperties | null) => void;

/**
 * The files of devices, by their names. Never holds a whole file in memory unless it keeps it there. What has been
 * acknowledged is durable; a file that is replaced or deleted while somebody reads it is read to its end or fails.
 * Refuses with `BlobError`: InsufficientStorage when there is no room.
 */
export interface BlobStore {
  readonly limits: BlobLimits;
  /** `describe` is called when all of the content has been read. */
  putBlob(
    name: string,
    content: BlobContent,
    describe: () => BlobDescription,
    precondition: BlobPrecondition,
  ): Promise<BlobProperties>;
  /** Keeps a block for a later `commit`, in place of one with the same id. `id` is 1 to 64 bytes. */
  putBlock(name: string, id: Uint8Array, content: BlobContent): Promise<void>;
  /** Makes the blob of blocks that wait, or that it has already; forgets all others. Refuses with InvalidBlockList. */
  commit(
    name: string,
    blocks: readonly BlockReference[],
    description: BlobDescription,
    precondition: BlobPrecondition,
  ): Promise<BlobProperties>;
  properties(name: string): Promise<BlobProperties | null>;
  /** `range` must lie within the blob. */
  read(
    name: string,
    range?: ByteRange,
  ): Promise<{ readonly properties: BlobProperties; readonly content: BlobContent } | null>;
  /** False if there was none. */
  delete(name: string): Promise<boolean>;
  /**
   * The blobs whose names begin with `{folder}/`, the folder being one segment, in ordinal order after the name `after`, at
   * most `limit`. `more` if there are others, which for a folder of very many need not be later ones.
   */
  list(
    folder: string,
    after: string | null,
    limit: number,
  ): Promise<{ readonly blobs: readonly NamedBlob[]; readonly more: boolean }>;
  /** Forgets blocks that have waited for a commit since before `time`. */
  discardBlocks(time: Milliseconds): Promise<void>;
}

/** Where imports and exports read and write. */
export interface TransferContainer {
  /** `size` in bytes; null if there is no such blob. */
  read(name: string): Promise<{ readonly size: number; readonly content: BlobContent } | null>;
  /** Makes or replaces a blob of text. */
  write(name: string, content: BlobContent): Promise<void>;
}

/**
 * Opens a container outside of the hub by its URI with its signature; undefined unless the owner of the process has
 * allowed its origin (`https://account.blob.core.windows.net`).
 */
export type OpenContainer = (origin: string, uri: string) => TransferContainer | undefined;

/** Where devices send their files: the hub itself, or an account of Azure Storage. */
export interface FileStorage {
  readonly containerName: string;
  /** Where a device finds it that has called the hub as `hubHost`: a host, with a port if it is not 443. */
  hostNameFor(hubHost: string): string;
  /** Where services find it: a host, with a port if it is not 443. */
  readonly publicHost: string;
  /** A signature to write and read one blob until `expires`: `?sv=…`. */
  sign(blobName: string, expires: Milliseconds): string;
  /** Size and time of a blob, null if it is not there. Rejects with ServiceUnavailable if the storage cannot be asked. */
  find(blobName: string): Promise<Pick<BlobProperties, "size" | "lastModified"> | null>;
}

/** Why a live connection ended; kept with the connection and shown (spec/mqtt §4.2). */
export type CloseReason =
  | "newerConnection"
  | "clientDisconnected"
  | "networkLost"
  | "keepAliveExpired"
  | "tokenExpired"
  | "identityDisabled"
  | "identityDeleted"
  | "credentialsChanged"
  | "protocolError"
  | "messageTooLarge"
  | "slowReader"
  | "faultInjection"
  | "hubStopping"
  | "hubError";

/** Hub → device: what the hub may ask of one live connection, whatever its protocol. */
export interface DeviceLink {
  readonly protocol: "mqtt" | "mqtt-ws" | "amqp" | "amqp-ws";
  /** A desired change: `change` without `$version`. Called in `$version` order. Does nothing if not subscribed. */
  pushDesired(change: JsonObject, version: number): void;
  /** Ends the connection; the reason has already been recorded. */
  close(reason: CloseReason): void;
  /** Cloud-to-device messages wait: the link may take them, as many as it has room for. */
  messagesWaiting(): void;
  /**
   * Sends a direct method's request; the returned function forgets it, so that a late answer is dropped. Refuses with
   * DeviceNotOnline if the client does not take this method.
   */
  invoke(invocation: MethodInvocation): () => void;
}

/** One open direct-method call on a link. */
export interface MethodInvocation {
  readonly name: string;
  /** JSON text. */
  readonly payload: string;
  /** To be called at most once, with the status and the body text of the client's answer ("" for none). */
  answer(status: number, body: string): void;
}

/** A request to the server of a webhook. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Gives the request up. */
  readonly signal: AbortSignal;
}

/**
 * Sends a POST request and resolves with the status of its answer, whose body is thrown away; follows no redirect. Rejects
 * if there is no answer.
 */
export type WebhookPost = (request: WebhookRequest) => Promise<{ readonly status: number }>;

/** What the rooms need of a logger. Never pass keys, tokens or message bodies. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
