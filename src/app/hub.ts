import type {
  AuthMethod,
  ClientCertificate,
  ConnectRequest,
  SasToken,
} from "../domain/identity/credentials.ts";
import type { Precondition } from "../domain/identity/etag.ts";
import type { IdentityKey } from "../domain/identity/key.ts";
import type { BulkEntry, BulkResult, DeviceInput, ModuleInput } from "../domain/identity/inputs.ts";
import type { Policy, PolicyInput } from "../domain/identity/policy.ts";
import type { JsonObject } from "../domain/json.ts";
import type { NewMessage } from "../domain/messages/telemetry.ts";
import type { Completion } from "./completion.ts";
import type { NewCloudToDevice, Settlement } from "../domain/messages/c2d-queue.ts";
import type { ConsumerGroup } from "../domain/messages/consumer-group.ts";
import type { MethodResult } from "../domain/methods/method-call.ts";
import type { UploadReport } from "../domain/files/upload.ts";
import type { FilePage, FilesState } from "./files/list-files.ts";
import type { BlobCaller, OpenBlob } from "./files/open-blob.ts";
import type { UploadTicket } from "./files/start-upload.ts";
import type { Enrichment } from "../domain/routing/enrich.ts";
import type { Route, RouteSource } from "../domain/routing/route.ts";
import type { EndpointInput } from "./routing/endpoints.ts";
import type { TestMessage, TestRouteResult, TestTwin } from "./routing/test-routes.ts";
import type { TakenMessage } from "./messages/receive-cloud-to-device.ts";
import type { ServiceMessage, ServiceQueueName } from "./messages/service-queue.ts";
import type { Milliseconds } from "../domain/time.ts";
import type {
  CloseReason,
  DeviceLink,
  LoggedMessage,
  PartitionInfo,
  Session,
  Subscription,
} from "./ports.ts";
import type { ChangePage } from "./query/changes.ts";
import type { TwinIndex } from "./query/indexes.ts";
import type { LiveQuery } from "./query/live-query.ts";
import type { JobFilter, JobPage } from "./jobs/jobs.ts";
import type { QueryPage } from "./query/query-page.ts";
import type { PageOptions } from "./query/run-query.ts";
import type { IdentityPrincipal, Principal } from "./principal.ts";
import type { TwinResource } from "./twins/twin-resource.ts";

/** A document of the service's view with its etag, without quotes. */
export interface Resource {
  readonly etag: string;
  readonly body: JsonObject;
}

/** The outcome of a PUT of an identity. */
export interface PutResource extends Resource {
  readonly created: boolean;
}

export interface Authentication {
  /**
   * A caller of the REST API. `path` is the decoded path of the request, for example `/twins/d1`, which the
   * token's audience must cover. A token without a policy gives the device or module that its audience names.
   * Without a token, `certificate` proves the device or module that the path names.
   * Refuses with 401002 IotHubUnauthorizedAccess.
   */
  request(
    token: SasToken | undefined,
    path: string,
    certificate?: ClientCertificate,
  ): Promise<Principal>;
  /**
   * A device or module that connects or calls a device endpoint. Refuses with IotHubUnauthorizedAccess whatever is
   * wrong, and with DeviceDisabled if the credential is right and the device is disabled.
   */
  identity(request: ConnectRequest): Promise<IdentityPrincipal>;
  /**
   * The same for a call of a device endpoint over HTTPS: a disabled device is refused with IotHubUnauthorizedAccess; a
   * policy with DeviceConnect is told DeviceNotFound or ModuleNotFound.
   */
  call(request: ConnectRequest): Promise<IdentityPrincipal>;
}

export interface Identities {
  get(principal: Principal, key: IdentityKey): Promise<Resource>;
  putDevice(
    principal: Principal,
    deviceId: string,
    input: DeviceInput,
    precondition: Precondition,
  ): Promise<PutResource>;
  putModule(
    principal: Principal,
    key: IdentityKey & { readonly moduleId: string },
    input: ModuleInput,
    precondition: Precondition,
  ): Promise<PutResource>;
  delete(principal: Principal, key: IdentityKey, precondition: Precondition): Promise<void>;
  /** `top` outside 1–1000 counts as 1000. */
  listDevices(principal: Principal, top: number | undefined): Promise<readonly JsonObject[]>;
  listModules(principal: Principal, deviceId: string): Promise<readonly JsonObject[]>;
  /** At most 100 entries; entries that fail do not stop the others. */
  bulk(principal: Principal, entries: readonly BulkEntry[]): Promise<BulkResult>;
  regenerateKeys(
    principal: Principal,
    policyKey: "primaryKey" | "secondaryKey" | "both",
    keys: readonly IdentityKey[],
  ): Promise<RegeneratedKeys>;
  statistics(
    principal: Principal,
  ): Promise<{ total: number; enabled: number; disabled: number; modules: number }>;
  connectedDevices(principal: Principal): Promise<number>;
}

export interface RegeneratedKeys {
  readonly rotated: readonly {
    readonly key: IdentityKey;
    readonly primaryKey: string;
    readonly secondaryKey: string;
  }[];
  readonly errors: readonly {
    readonly key: IdentityKey;
    readonly number: number;
    readonly name: string;
  }[];
}

export interface Twins {
  get(principal: Principal, key: IdentityKey): Promise<TwinResource>;
  /** `body` as it came: read-only members are ignored, unknown ones too. */
  patch(
    principal: Principal,
    key: IdentityKey,
    body: JsonObject,
    precondition: Precondition,
  ): Promise<TwinResource>;
  replace(
    principal: Principal,
    key: IdentityKey,
    body: JsonObject,
    precondition: Precondition,
  ): Promise<TwinResource>;
  /** The identity's own twin as JSON text: `{"desired":{…,"$version":n},"reported":{…,"$version":m}}`. */
  ownTwin(principal: IdentityPrincipal): Promise<string>;
  /** Merges `patch` into the identity's reported properties; resolves with the new reported `$version`, after the commit. */
  updateReported(
    principal: IdentityPrincipal,
    patch: JsonObject,
    expectedVersion?: number,
  ): Promise<number>;
}

/** What a connection begins with. */
export interface OpenConnection {
  /** Holds the locks of messages that the connection takes. */
  readonly id: string;
  readonly principal: IdentityPrincipal;
  /** The stored session was taken up. */
  readonly sessionPresent: boolean;
  readonly session: Session;
  /** The client has subscribed to direct methods, or has ended that. */
  methodsReady(ready: boolean): void;
  /** The client has proven itself anew, maybe by another key: the connection now hangs on that one. */
  renewed(principal: IdentityPrincipal): void;
  /** To be called once, when the connection has ended for whatever reason; records it. */
  ended(reason: CloseReason): void;
}

export interface Connections {
  /**
   * Makes `link` the identity's one live connection; an older one is closed with `newerConnection`.
   * `clean` forgets the stored session; `session: "none"` is for protocols that have none, and leaves it as it is.
   * `modelId` is remembered when given.
   */
  open(
    principal: IdentityPrincipal,
    link: DeviceLink,
    options: {
      readonly clean: boolean;
      readonly session?: "none" | undefined;
      readonly modelId?: string | undefined;
    },
  ): Promise<OpenConnection>;
  /** Live connections in order of their identities, after `after`, at most `limit`; for ServiceConnect. */
  list(
    principal: Principal,
    after: IdentityKey | null,
    limit: number,
  ): Promise<readonly ConnectionInfo[]>;
  /** Connected devices and modules of this node; for ServiceConnect. */
  count(principal: Principal): Promise<{ devices: number; modules: number }>;
  /** The newest ends of connections, newest first, bounded; for ServiceConnect. */
  ended(principal: Principal): Promise<readonly EndedConnection[]>;
  /** Stores a persistent session's subscriptions: resolves when durable. */
  saveSession(principal: IdentityPrincipal, subscriptions: readonly Subscription[]): Promise<void>;
}

export interface CloudToDevice {
  /** A service sends; refuses with DeviceNotFound, DeviceMaximumQueueDepthExceeded, MessageTooLarge, InvalidMessageExpiryTime. */
  send(principal: Principal, deviceId: string, message: NewCloudToDevice): Promise<void>;
  /** Resolves with the number of messages taken out. */
  purge(principal: Principal, deviceId: string): Promise<number>;
  /**
   * A device takes its next messages, oldest first, at most `limit`. With `holder`, the id of the open connection, they
   * stay its own until it settles, releases or ends; without, for a minute. Always empty for a module.
   */
  receive(
    principal: IdentityPrincipal,
    limit: number,
    holder?: string,
  ): Promise<readonly TakenMessage[]>;
  /** Refuses with DeviceMessageLockLost. */
  settle(principal: IdentityPrincipal, lockToken: string, how: Settlement): Promise<void>;
  /** Gives messages back without counting a delivery. */
  release(principal: IdentityPrincipal, lockTokens: readonly string[]): Promise<void>;
}

/** The hub-wide queues of feedback and of file notifications. */
export interface ServiceMessages {
  receive(principal: Principal, queue: ServiceQueueName): Promise<ServiceMessage | null>;
  settle(
    principal: Principal,
    queue: ServiceQueueName,
    lockToken: string,
    how: "complete" | "abandon",
  ): Promise<void>;
  /** Calls back whenever a message may be waiting; the returned function ends it. */
  onWaiting(listener: () => void): () => void;
}

/** File upload of devices (spec/semantics §14), and the hub's own storage for it. */
export interface Files {
  /**
   * Begins an upload. `hubHost` is the host, with its port if it has one, under which the device has called. Refuses
   * with 400014, 400004 and 403006.
   */
  start(principal: IdentityPrincipal, blobName: string, hubHost: string): Promise<UploadTicket>;
  /** Ends an upload; refuses with 400014, 400015, 400016 and 400020. */
  finish(principal: IdentityPrincipal, report: UploadReport): Promise<void>;
  /** Where files go, and whether services hear of them; for ServiceConnect. */
  state(principal: Principal): Promise<FilesState>;
  /** The files of a device, or of a `~folder` of imports and exports. Refuses with FeatureNotSupported. */
  list(
    principal: Principal,
    folder: string,
    after: string | null,
    limit: number,
  ): Promise<FilePage>;
  /** The container of the hub's own storage; `null` if files go elsewhere or nowhere. */
  readonly container: string | null;
  /** A blob of the hub's own storage for a caller that is proven for it; refuses with `BlobError`. `names` are the readings of its path. */
  open(caller: BlobCaller, names: readonly string[]): OpenBlob;
}

export interface Methods {
  /**
   * `body` as it came (spec/rest §8.8). The caller is answered within its time-outs, counted from `arrived`: when its
   * request came in, now if missing.
   */
  invoke(
    principal: Principal,
    key: IdentityKey,
    body: JsonObject,
    arrived?: Milliseconds,
  ): Promise<MethodResult>;
}

export interface Telemetry {
  /** Resolves when the message is durable in the event log. */
  send(principal: IdentityPrincipal, message: NewMessage): Promise<unknown>;
  /**
   * Who sends several messages at once again and again. Missing where each message is admitted or followed by itself.
   */
  readonly sender?: ((principal: IdentityPrincipal) => TelemetrySender) | undefined;
}

/** What a sender's messages have in common is looked up once. To be kept no longer than its connection. */
export interface TelemetrySender {
  /** Several messages in order, one at the least: done when all are durable; refused together. */
  sendTogether(messages: readonly NewMessage[], completion: Completion): void;
}

/** For owners: policies with all four rights. */
export interface Policies {
  list(principal: Principal): Promise<readonly Policy[]>;
  get(principal: Principal, name: string): Promise<Policy>;
  /** Creates a policy or changes its rights; keys that are not given are made, or kept. */
  put(principal: Principal, name: string, input: PolicyInput): Promise<Policy>;
  regenerateKey(
    principal: Principal,
    name: string,
    which: "primaryKey" | "secondaryKey",
  ): Promise<Policy>;
  /** Refuses to delete the last policy with all four rights. */
  delete(principal: Principal, name: string): Promise<void>;
  /** Calls back when a policy was changed or deleted: who holds something by it proves itself again. */
  onChanged(listener: (name: string) => void): () => void;
}

/** Names under which services read the event log; for ServiceConnect, and for owners to change (spec/amqp §13.1). */
export interface ConsumerGroups {
  list(principal: Principal): Promise<readonly ConsumerGroup[]>;
  /** By name in any case; refuses with GenericNotFound. */
  get(principal: Principal, name: string): Promise<ConsumerGroup>;
  /** Leaves a group that is there as it is. */
  create(principal: Principal, name: string): Promise<ConsumerGroup>;
  delete(principal: Principal, name: string): Promise<void>;
  /** Calls back with the group's id (`consumerGroupId`) when it was deleted. */
  onDeleted(listener: (id: string) => void): () => void;
}

/** A live connection of this node, as it is shown. */
export interface ConnectionInfo {
  readonly key: IdentityKey;
  readonly protocol: string;
  readonly since: Milliseconds;
  readonly auth: AuthMethod;
}

/** How a connection ended. */
export interface EndedConnection extends ConnectionInfo {
  readonly until: Milliseconds;
  readonly reason: CloseReason;
}

/** Reading the event log, for services. */
export interface Events {
  partitions(principal: Principal): Promise<readonly PartitionInfo[]>;
  /** From the sequence number `from` on, oldest first, at most `limit` (1,000). */
  read(
    principal: Principal,
    partition: number,
    from: number,
    limit: number,
  ): Promise<readonly LoggedMessage[]>;
  /** The sequence number of the first message enqueued at `time` or later. */
  seek(principal: Principal, partition: number, time: Milliseconds): Promise<number>;
  /** Calls back when messages were appended; the returned function ends it. */
  onAppended(listener: (partition: number, lastSequenceNumber: number) => void): () => void;
}

/** A log that services read, as an entity of Event Hubs (spec/amqp §13.1). */
export interface EventSource {
  /** Its Event Hubs-compatible name: the hub's, or that of the endpoint. */
  readonly name: string;
  /** Differs for all logs there ever were; the hub's own has `""`. */
  readonly id: string;
  /** Refuses with GenericNotFound once the endpoint is gone. */
  readonly events: Events;
  readonly consumerGroups: ConsumerGroups;
}

/** Device CAs; for owners (spec/semantics §7.3). Every answer is `{name, etag, properties}`. */
export interface Certificates {
  list(principal: Principal): Promise<readonly JsonObject[]>;
  get(principal: Principal, name: string): Promise<Resource>;
  put(
    principal: Principal,
    name: string,
    input: { readonly certificate: string; readonly isVerified: boolean },
    precondition: Precondition,
  ): Promise<Resource>;
  delete(principal: Principal, name: string, precondition: Precondition): Promise<void>;
  generateVerificationCode(
    principal: Principal,
    name: string,
    precondition: Precondition,
  ): Promise<Resource>;
  /** `proof`: a certificate signed by the CA whose common name is the code. */
  verify(
    principal: Principal,
    name: string,
    proof: string,
    precondition: Precondition,
  ): Promise<Resource>;
}

/**
 * Routes, endpoints, enrichments and the fallback route (spec/semantics §11): for ServiceConnect to read and to try, for
 * owners to change. A PUT creates without a precondition and changes with one; it is in force when it has resolved.
 */
export interface Routing {
  routes(principal: Principal): Promise<readonly JsonObject[]>;
  /** `{name, source, condition, endpointNames, isEnabled, etag}`. */
  route(principal: Principal, name: string): Promise<Resource>;
  /** Refuses with ArgumentInvalid what does not compile, with the place in the condition. */
  putRoute(principal: Principal, route: Route, precondition: Precondition): Promise<PutResource>;
  deleteRoute(principal: Principal, name: string, precondition: Precondition): Promise<void>;
  endpoints(principal: Principal): Promise<readonly JsonObject[]>;
  /** The endpoint without its secret, with its health and the number of messages that wait or are dead letters. */
  endpoint(principal: Principal, name: string): Promise<Resource>;
  putEndpoint(
    principal: Principal,
    endpoint: EndpointInput,
    precondition: Precondition,
  ): Promise<PutResource>;
  /** Refuses with InvalidOperation while a route or an enrichment names it. */
  deleteEndpoint(principal: Principal, name: string, precondition: Precondition): Promise<void>;
  /** The oldest messages that the endpoint never accepted, with the reason; at most `limit`, 1 to 100. */
  deadLetters(
    principal: Principal,
    endpoint: string,
    limit: number,
  ): Promise<readonly JsonObject[]>;
  /** Sends it again, behind what waits. Refuses with GenericNotFound, and with InvalidOperation while the queue is full. */
  retryDeadLetter(principal: Principal, endpoint: string, id: string): Promise<void>;
  /** Resolves with the number of messages that are sent again. Refuses with InvalidOperation once the queue is full. */
  retryDeadLetters(principal: Principal, endpoint: string): Promise<number>;
  /** Refuses with GenericNotFound. */
  discardDeadLetter(principal: Principal, endpoint: string, id: string): Promise<void>;
  /** Resolves with the number of messages removed. */
  purgeDeadLetters(principal: Principal, endpoint: string): Promise<number>;
  enrichments(principal: Principal): Promise<readonly JsonObject[]>;
  /** `{key, value, endpointNames, etag}`. */
  enrichment(principal: Principal, key: string): Promise<Resource>;
  putEnrichment(
    principal: Principal,
    enrichment: Enrichment,
    precondition: Precondition,
  ): Promise<PutResource>;
  deleteEnrichment(principal: Principal, key: string, precondition: Precondition): Promise<void>;
  fallback(principal: Principal): Promise<Resource>;
  putFallback(
    principal: Principal,
    isEnabled: boolean,
    precondition: Precondition,
  ): Promise<Resource>;
  /** Whether a route, stored or not, matches a message. */
  test(
    principal: Principal,
    route: Pick<Route, "source" | "condition">,
    message: TestMessage,
    twin: TestTwin | undefined,
  ): Promise<TestRouteResult>;
  /** The routes that match a message. */
  testAll(
    principal: Principal,
    source: RouteSource,
    message: TestMessage,
    twin: TestTwin | undefined,
  ): Promise<readonly Route[]>;
}

export interface Queries {
  /**
   * One page of a twin or job query (spec/semantics §6). Refuses with ArgumentInvalid, ArgumentNull, GenericTimeout,
   * ThrottleBacklogLimitExceeded.
   */
  run(principal: Principal, text: string, options: PageOptions): Promise<QueryPage>;
  /** A query as a subscription; refuses with ArgumentInvalid what can't be watched. */
  live(principal: Principal, text: string): Promise<LiveQuery>;
}

/** Declared indexes on values inside twins: for ServiceConnect to read, for owners to change. */
export interface Indexes {
  list(principal: Principal): Promise<readonly TwinIndex[]>;
  /** Leaves an index that is there as it is; resolves when it has been built. Refuses with ArgumentInvalid, InvalidOperation. */
  create(principal: Principal, path: string): Promise<TwinIndex>;
  /** Refuses with GenericNotFound. */
  delete(principal: Principal, path: string): Promise<void>;
}

/** The ordered sequence of all changes of twins and identities. */
export interface Changes {
  /** Changes after `after`, at most `limit` (1,000); `where` is the condition of a twin query. */
  read(principal: Principal, after: number, limit: number, where?: string): Promise<ChangePage>;
  /** The newest sequence number. */
  last(principal: Principal): Promise<number>;
  /** Calls back when something was committed; the returned function ends it. */
  onCommitted(listener: () => void): () => void;
}

/** Jobs over many devices or modules; for ServiceConnect (spec/semantics §12, spec/rest §8.12). */
export interface Jobs {
  /**
   * `body` as it came. Refuses with JobAlreadyExists, JobQuotaExceeded, and with ArgumentInvalid and ArgumentNull whatever
   * could not run. Resolves with the JobResponse when the job is durable.
   */
  create(principal: Principal, jobId: string, body: JsonObject): Promise<JsonObject>;
  /** Refuses with JobNotFound. */
  get(principal: Principal, jobId: string): Promise<JsonObject>;
  /** Refuses with JobNotFound, and with InvalidOperation a job that is finished. */
  cancel(principal: Principal, jobId: string): Promise<JsonObject>;
  /** A page of at most 1,000 jobs, in the order of their ids. */
  list(
    principal: Principal,
    filter: JobFilter,
    options: { readonly pageSize?: number | undefined; readonly continuation?: string | undefined },
  ): Promise<JobPage>;
}

/**
 * Import and export of identities and twins, from and to folders of the hub's own storage whose names begin with `~`
 * (spec/rest §8.13): for RegistryRead to watch, for RegistryWrite to make and cancel.
 */
export interface Transfers {
  /** `body` as it came. Refuses with BlobContainerValidationError, JobQuotaExceeded, ArgumentInvalid and ArgumentNull. */
  create(principal: Principal, body: JsonObject): Promise<JsonObject>;
  list(principal: Principal): Promise<readonly JsonObject[]>;
  /** Refuses with JobNotFound, as `cancel` does. */
  get(principal: Principal, id: string): Promise<JsonObject>;
  cancel(principal: Principal, id: string): Promise<void>;
}

/** Automatic configurations of devices and modules, and edge deployments (spec/semantics §13, spec/rest §8.11). */
export interface Configurations {
  /** `top` outside 1–100 counts as 100. */
  list(principal: Principal, top: number | undefined): Promise<readonly JsonObject[]>;
  /** Refuses with ConfigurationNotFound. */
  get(principal: Principal, id: string): Promise<Resource>;
  /** `body` as it came. Targets follow within moments after it has resolved. */
  put(
    principal: Principal,
    id: string,
    body: JsonObject,
    precondition: Precondition,
  ): Promise<PutResource>;
  delete(principal: Principal, id: string, precondition: Precondition): Promise<void>;
  /** `{targetConditionError, customMetricQueryErrors}`. */
  testQueries(principal: Principal, body: JsonObject): Promise<JsonObject>;
  /** `body` is the content. Refuses with InvalidConfigurationContent and InvalidOperation. */
  applyContent(principal: Principal, deviceId: string, body: JsonObject): Promise<void>;
}

/** The limits that the hub was given, and what came up against them; for any right of a service. */
export interface Throttling {
  /** `{mode, limits, throttles, quota}`; the mode is `off`, `observe` or `enforce`. */
  view(principal: Principal): JsonObject;
}

/** What a head may ask of the hub. */
export interface HubApi {
  readonly throttling: Throttling;
  readonly auth: Authentication;
  readonly identities: Identities;
  readonly twins: Twins;
  readonly connections: Connections;
  readonly telemetry: Telemetry;
  readonly cloudToDevice: CloudToDevice;
  readonly serviceMessages: ServiceMessages;
  readonly files: Files;
  readonly methods: Methods;
  readonly events: Events;
  /**
   * The log of a route endpoint by its name in any case, or the hub's own for `events`; for ServiceConnect. Refuses with
   * GenericNotFound.
   */
  eventSource(principal: Principal, endpoint: string): Promise<EventSource>;
  readonly queries: Queries;
  readonly indexes: Indexes;
  readonly jobs: Jobs;
  readonly transfers: Transfers;
  readonly configurations: Configurations;
  readonly changes: Changes;
  readonly consumerGroups: ConsumerGroups;
  readonly certificates: Certificates;
  readonly policies: Policies;
  readonly routing: Routing;
  /** Names under which clients may address this hub, without ports; the first is the one in connection strings. */
  readonly hostNames: readonly string[];
  /** The first label of the first host name: the hub's name in messages. */
  readonly hubName: string;
}

export type { AuthMethod };
