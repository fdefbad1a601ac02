import type { Policy } from "../domain/identity/policy.ts";
import { authenticateCall } from "./auth/authenticate-call.ts";
import { authenticateIdentity } from "./auth/authenticate-identity.ts";
import { authenticateRequest } from "./auth/authenticate-request.ts";
import {
  deleteCertificate,
  generateVerificationCode,
  getCertificate,
  listCertificates,
  putCertificate,
  verifyCertificate,
} from "./certificates/certificates.ts";
import { type DeletedGroup, ensureDefaultConsumerGroup } from "./messages/consumer-groups.ts";
import { eventSource, ownSource } from "./messages/event-source.ts";
import { applyConfigurationContent } from "./configurations/apply-content.ts";
import { ConfigurationRunner } from "./configurations/configuration-runner.ts";
import {
  deleteConfiguration,
  getConfiguration,
  listConfigurations,
  putConfigurationById,
  testConfigurationQueries,
} from "./configurations/configurations.ts";
import { LiveConnections } from "./connections/live-connections.ts";
import { openConnection } from "./connections/open-connection.ts";
import { saveSession } from "./connections/save-session.ts";
import type { HubContext, HubSettings } from "./context.ts";
import { finishUpload } from "./files/finish-upload.ts";
import { type FileStorageParts, findStorage } from "./files/find-storage.ts";
import { filesState, listFiles } from "./files/list-files.ts";
import { openBlob } from "./files/open-blob.ts";
import { ownContainer } from "./files/own-storage.ts";
import { startUpload } from "./files/start-upload.ts";
import { hubNameOf, ownHosts } from "./host-names.ts";
import type { HubApi } from "./hub.ts";
import { bulk } from "./identities/bulk.ts";
import { deleteIdentity } from "./identities/delete-identity.ts";
import {
  connectedDevices,
  getIdentity,
  listDevices,
  listModules,
  statistics,
} from "./identities/get-identity.ts";
import { putDevice, putModule } from "./identities/put-identity.ts";
import { regenerateKeys } from "./identities/regenerate-keys.ts";
import { jobRows } from "./jobs/job-rows.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import { cancelJobById, createJob, getJob, listJobs } from "./jobs/jobs.ts";
import { type HubFigures, readFigures } from "./figures.ts";
import { Listeners } from "./listeners.ts";
import { startMaintenance } from "./maintenance.ts";
import { ExpiryWatch } from "./messages/expiry-watch.ts";
import { expireMessages, watchExistingQueues } from "./messages/expire-messages.ts";
import {
  receiveCloudToDevice,
  releaseCloudToDevice,
  settleCloudToDevice,
} from "./messages/receive-cloud-to-device.ts";
import { purgeCloudToDevice, sendCloudToDevice } from "./messages/send-cloud-to-device.ts";
import { receiveForService, settleForService } from "./messages/service-queue.ts";
import { ServiceWaiters } from "./messages/service-waiters.ts";
import { type Meter, noMeter } from "./meter.ts";
import { invokeMethod } from "./methods/invoke-method.ts";
import { sendTelemetry } from "./messages/send-telemetry.ts";
import { telemetrySender } from "./messages/telemetry-sender.ts";
import { lastChange, readChanges } from "./query/changes.ts";
import { createIndex, deleteIndex, listIndexes, startIndexes } from "./query/indexes.ts";
import { LiveQuery } from "./query/live-query.ts";
import { QuerySlots } from "./query/query-slots.ts";
import { runQuery } from "./query/run-query.ts";
import { startOutbox } from "./outbox.ts";
import {
  countConnections,
  endedConnections,
  listConnections,
} from "./connections/list-connections.ts";
import {
  deletePolicy,
  ensurePolicies,
  getPolicy,
  listPolicies,
  putPolicy,
  regeneratePolicyKey,
} from "./policies/policies.ts";
import type { Clock, HubStore, Log, OpenContainer, Random, WebhookPost } from "./ports.ts";
import {
  discardOneDeadLetter,
  listDeadLetters,
  purgeDeadLetters,
  retryDeadLetters,
  retryOneDeadLetter,
} from "./routing/dead-letters.ts";
import { deleteEndpoint, getEndpoint, listEndpoints, putEndpoint } from "./routing/endpoints.ts";
import {
  deleteEnrichment,
  deleteRoute,
  getEnrichment,
  getFallback,
  getRoute,
  listEnrichments,
  listRoutes,
  putEnrichment,
  putFallback,
  putRoute,
} from "./routing/routes.ts";
import { testAllRoutes, testRoute } from "./routing/test-routes.ts";
import { Router } from "./routing/router.ts";
import { throttledApi } from "./throttling/throttled-api.ts";
import { Throttles } from "./throttling/throttles.ts";
import { viewThrottles } from "./throttling/view-throttles.ts";
import { TransferRunner } from "./transfers/transfer-runner.ts";
import {
  cancelTransfer,
  createTransfer,
  getTransfer,
  listTransfers,
} from "./transfers/transfers.ts";
import { getOwnTwin, getTwin } from "./twins/get-twin.ts";
import { updateReported } from "./twins/update-reported.ts";
import { patchTwin, replaceTwin } from "./twins/write-twin.ts";

export interface HubParts {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: HubSettings;
  /** Counts what happens; missing: nothing does. */
  readonly meter?: Meter | undefined;
  /** Where devices send files; missing: file upload is turned off. */
  readonly fileStorage?: FileStorageParts | undefined;
  /** Opens containers outside of the hub for imports and exports. */
  readonly openContainer?: OpenContainer | undefined;
  /** Sends to webhooks; missing: routes have the built-in endpoint only. */
  readonly post?: WebhookPost | undefined;
}

export interface Hub {
  readonly api: HubApi;
  /** The hub's policies with their keys, for whoever owns the process. */
  readonly policies: readonly Policy[];
  /** What there is to see of the hub now, for whoever watches the process. */
  figures(): Promise<HubFigures>;
  /** Ends what runs in the background; the store stays open. */
  stop(): void;
}

/** Joins the use cases over a store. The store's outbox has its one listener from here on. */
export async function createHub(parts: HubParts): Promise<Hub> {
  const { settings } = parts;
  // Together, so that a new hub commits once.
  const [policies] = await Promise.all([
    ensurePolicies(parts.store, parts.random),
    ensureDefaultConsumerGroup(parts.store),
  ]);
  const throttles =
    settings.throttling === null ? undefined : new Throttles(settings.throttling, parts);
  await throttles?.start();
  const usesIndexes = await startIndexes(parts.store, parts.log);
  const files = await findStorage(parts);
  const waiters = new ServiceWaiters(parts.clock);
  const policyChanges = new Listeners<string>();
  const groupDeletions = new Listeners<DeletedGroup>();
  const feedbackChanged = (): void => waiters.changed();
  const expiry = new ExpiryWatch(parts.clock, parts.log, async (deviceId) => {
    const next = await expireMessages(context, deviceId);
    feedbackChanged();
    return next;
  });
  const hubName = hubNameOf(settings.hostNames[0] ?? "localhost");
  const meter = parts.meter ?? noMeter;
  const router = new Router({ ...parts, meter, hubName });
  const context: HubContext = {
    ...parts,
    meter,
    jobRows: (after) => jobRows(parts, after),
    paceJob: (targets) => throttles?.pace("jobDevices", targets) ?? Promise.resolve(),
    jobs: {
      add: (...args) => jobs.add(...args),
      forget: (...args) => jobs.forget(...args),
    },
    transfers: {
      run: (id) => transfers.run(id),
      progressOf: (id) => transfers.progressOf(id),
    },
    configurations: {
      changed: (...args) => configurations.changed(...args),
      eventsCommitted: (events) => configurations.eventsCommitted(events),
    },
    querySlots: new QuerySlots(),
    usesIndexes,
    committed: new Listeners<undefined>(),
    router,
    expiry,
    files,
    feedbackChanged,
    serviceMessageTaken: () => waiters.taken(),
    policyChanged: (name) => policyChanges.tell(name),
    consumerGroupDeleted: (deleted) => groupDeletions.tell(deleted),
    live: new LiveConnections(),
    hubName,
    isOwnHost: ownHosts(settings.hostNames),
  };
  const jobs = new JobRunner(context);
  const transfers = new TransferRunner(context);
  const configurations = new ConfigurationRunner(context);
  startOutbox(context);
  await router.reload();
  await router.sweep();
  await watchExistingQueues(context);
  const stopMaintenance = startMaintenance(context);
  await jobs.start();
  await transfers.start();
  await configurations.start();
  const unlimited = bind(context, waiters, { policyChanges, groupDeletions }, throttles);
  const api = throttles === undefined ? unlimited : throttledApi(unlimited, throttles);
  return {
    api,
    policies,
    figures: () => readFigures(context, jobs, throttles),
    stop() {
      throttles?.stop();
      stopMaintenance();
      jobs.stop();
      transfers.stop();
      configurations.stop();
      expiry.stop();
      waiters.stop();
      router.stop();
    },
  };
}

interface Announcements {
  readonly policyChanges: Listeners<string>;
  readonly groupDeletions: Listeners<DeletedGroup>;
}

function bind(
  context: HubContext,
  waiters: ServiceWaiters,
  { policyChanges, groupDeletions }: Announcements,
  throttles: Throttles | undefined,
): HubApi {
  const { events, consumerGroups } = ownSource(context, groupDeletions);
  return {
    hostNames: context.settings.hostNames,
    hubName: context.hubName,
    throttling: { view: (principal) => viewThrottles(throttles, principal) },
    auth: {
      request: (...args) => authenticateRequest(context, ...args),
      identity: (...args) => authenticateIdentity(context, ...args),
      call: (...args) => authenticateCall(context, ...args),
    },
    identities: {
      get: (...args) => getIdentity(context, ...args),
      putDevice: (...args) => putDevice(context, ...args),
      putModule: (...args) => putModule(context, ...args),
      delete: (...args) => deleteIdentity(context, ...args),
      listDevices: (...args) => listDevices(context, ...args),
      listModules: (...args) => listModules(context, ...args),
      bulk: (...args) => bulk(context, ...args),
      regenerateKeys: (...args) => regenerateKeys(context, ...args),
      statistics: (...args) => statistics(context, ...args),
      connectedDevices: (...args) => connectedDevices(context, ...args),
    },
    twins: {
      get: (...args) => getTwin(context, ...args),
      patch: (...args) => patchTwin(context, ...args),
      replace: (...args) => replaceTwin(context, ...args),
      ownTwin: (...args) => getOwnTwin(context, ...args),
      updateReported: (...args) => updateReported(context, ...args),
    },
    connections: {
      open: (...args) => openConnection(context, ...args),
      list: (...args) => listConnections(context, ...args),
      count: (...args) => countConnections(context, ...args),
      ended: (...args) => endedConnections(context, ...args),
      saveSession: (...args) => saveSession(context, ...args),
    },
    telemetry: {
      send: (...args) => sendTelemetry(context, ...args),
      sender: (principal) => telemetrySender(context, principal),
    },
    cloudToDevice: {
      send: (...args) => sendCloudToDevice(context, ...args),
      purge: (...args) => purgeCloudToDevice(context, ...args),
      receive: (...args) => receiveCloudToDevice(context, ...args),
      settle: (...args) => settleCloudToDevice(context, ...args),
      release: (...args) => releaseCloudToDevice(context, ...args),
    },
    serviceMessages: {
      receive: (...args) => receiveForService(context, ...args),
      settle: (...args) => settleForService(context, ...args),
      onWaiting: (listener) => waiters.add(listener),
    },
    files: {
      start: (...args) => startUpload(context, ...args),
      finish: (...args) => finishUpload(context, ...args),
      state: (...args) => filesState(context, ...args),
      list: (...args) => listFiles(context, ...args),
      container: context.files.blobs === null ? null : ownContainer,
      open: (...args) => openBlob(context, ...args),
    },
    jobs: {
      create: (...args) => createJob(context, ...args),
      get: (...args) => getJob(context, ...args),
      cancel: (...args) => cancelJobById(context, ...args),
      list: (...args) => listJobs(context, ...args),
    },
    transfers: {
      create: (...args) => createTransfer(context, ...args),
      list: (...args) => listTransfers(context, ...args),
      get: (...args) => getTransfer(context, ...args),
      cancel: (...args) => cancelTransfer(context, ...args),
    },
    configurations: {
      list: (...args) => listConfigurations(context, ...args),
      get: (...args) => getConfiguration(context, ...args),
      put: (...args) => putConfigurationById(context, ...args),
      delete: (...args) => deleteConfiguration(context, ...args),
      testQueries: (...args) => testConfigurationQueries(context, ...args),
      applyContent: (...args) => applyConfigurationContent(context, ...args),
    },
    methods: { invoke: (...args) => invokeMethod(context, ...args) },
    queries: {
      run: (...args) => runQuery(context, ...args),
      live: (...args) => LiveQuery.open(context, ...args),
    },
    indexes: {
      list: (...args) => listIndexes(context, ...args),
      create: (...args) => createIndex(context, ...args),
      delete: (...args) => deleteIndex(context, ...args),
    },
    changes: {
      read: (...args) => readChanges(context, ...args),
      last: (...args) => lastChange(context, ...args),
      onCommitted: (listener) => context.committed.add(listener),
    },
    events,
    consumerGroups,
    eventSource: (...args) => eventSource(context, groupDeletions, ...args),
    certificates: {
      list: (...args) => listCertificates(context, ...args),
      get: (...args) => getCertificate(context, ...args),
      put: (...args) => putCertificate(context, ...args),
      delete: (...args) => deleteCertificate(context, ...args),
      generateVerificationCode: (...args) => generateVerificationCode(context, ...args),
      verify: (...args) => verifyCertificate(context, ...args),
    },
    policies: {
      list: (...args) => listPolicies(context, ...args),
      get: (...args) => getPolicy(context, ...args),
      put: (...args) => putPolicy(context, ...args),
      regenerateKey: (...args) => regeneratePolicyKey(context, ...args),
      delete: (...args) => deletePolicy(context, ...args),
      onChanged: (listener) => policyChanges.add(listener),
    },
    routing: {
      routes: (...args) => listRoutes(context, ...args),
      route: (...args) => getRoute(context, ...args),
      putRoute: (...args) => putRoute(context, ...args),
      deleteRoute: (...args) => deleteRoute(context, ...args),
      endpoints: (...args) => listEndpoints(context, ...args),
      endpoint: (...args) => getEndpoint(context, ...args),
      putEndpoint: (...args) => putEndpoint(context, ...args),
      deleteEndpoint: (...args) => deleteEndpoint(context, ...args),
      deadLetters: (...args) => listDeadLetters(context, ...args),
      retryDeadLetter: (...args) => retryOneDeadLetter(context, ...args),
      retryDeadLetters: (...args) => retryDeadLetters(context, ...args),
      discardDeadLetter: (...args) => discardOneDeadLetter(context, ...args),
      purgeDeadLetters: (...args) => purgeDeadLetters(context, ...args),
      enrichments: (...args) => listEnrichments(context, ...args),
      enrichment: (...args) => getEnrichment(context, ...args),
      putEnrichment: (...args) => putEnrichment(context, ...args),
      deleteEnrichment: (...args) => deleteEnrichment(context, ...args),
      fallback: (...args) => getFallback(context, ...args),
      putFallback: (...args) => putFallback(context, ...args),
      test: (...args) => testRoute(context, ...args),
      testAll: (...args) => testAllRoutes(context, ...args),
    },
  };
}
