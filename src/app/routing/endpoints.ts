import { HubError, argumentInvalid } from "../../domain/errors.ts";
import type { Precondition } from "../../domain/identity/etag.ts";
import type { JsonObject } from "../../domain/json.ts";
import {
  type LogEndpoint,
  type WebhookEndpoint,
  checkEndpoint,
} from "../../domain/routing/endpoint.ts";
import { maxEndpoints } from "../../domain/routing/limits.ts";
import { timeText } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { hubNameOf } from "../host-names.ts";
import type { PutResource, Resource } from "../hub.ts";
import { addDefaultGroup, removeGroups } from "../messages/consumer-groups.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import {
  changeSettings,
  deleteSetting,
  find,
  putResourceOf,
  putSetting,
  resourceOf,
} from "./change-settings.ts";
import {
  type StoredEndpoint,
  type StoredLog,
  endpointCollection,
  enrichmentCollection,
  findPlace,
  leavePlace,
  routeCollection,
} from "./stored-settings.ts";
import { deadLetterPrefix, queuePrefix } from "./webhook-queue.ts";

/** A webhook as a caller gives it: a secret that is missing is kept, `null` removes it. */
export type WebhookInput = Omit<WebhookEndpoint, "secret"> & {
  readonly secret?: string | null | undefined;
};

export type EndpointInput = WebhookInput | LogEndpoint;

export async function listEndpoints(
  context: HubContext,
  principal: Principal,
): Promise<readonly JsonObject[]> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    endpointCollection.all(tx).map((stored) => resourceOf(stored, viewIn(context, tx)).body),
  );
}

export async function getEndpoint(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<Resource> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    resourceOf(find(tx, endpointCollection, name), viewIn(context, tx)),
  );
}

export async function putEndpoint(
  context: HubContext,
  principal: Principal,
  input: EndpointInput,
  precondition: Precondition,
): Promise<PutResource> {
  if (input.type === "webhook" && !context.router.canPost)
    throw new HubError(
      "FeatureNotSupported",
      "This hub was started without a way to send to webhooks",
    );
  const queue = context.random.uuid();
  return changeSettings(context, principal, (tx) => {
    const put = putSetting(
      tx,
      endpointCollection,
      input.name,
      maxEndpoints,
      precondition,
      (stored, etagNumber): StoredEndpoint => {
        if (stored !== undefined && stored.type !== input.type)
          throw new HubError(
            "InvalidOperation",
            `The endpoint ${input.name} is a ${stored.type} and stays one`,
          );
        return input.type === "log"
          ? storedLog(context, tx, input, stored, { queue, etagNumber })
          : storedWebhook(input, stored, { queue, etagNumber });
      },
    );
    if (put.created && put.stored.type === "log") addDefaultGroup(tx, put.stored.queue);
    return putResourceOf(put, viewIn(context, tx));
  });
}

interface Stamp {
  readonly queue: string;
  readonly etagNumber: number;
}

function storedWebhook(
  { secret, ...input }: WebhookInput,
  stored: StoredEndpoint | undefined,
  { queue, etagNumber }: Stamp,
): StoredEndpoint {
  const known = stored?.type === "webhook" ? stored.secret : undefined;
  const kept = secret === undefined ? known : (secret ?? undefined);
  const endpoint = { ...input, ...(kept === undefined ? {} : { secret: kept }) };
  checkEndpoint(endpoint);
  return { ...endpoint, queue: stored?.queue ?? queue, etagNumber };
}

function storedLog(
  context: HubContext,
  tx: HubTx,
  input: LogEndpoint,
  stored: StoredEndpoint | undefined,
  { queue, etagNumber }: Stamp,
): StoredEndpoint {
  checkEndpoint(input);
  const { name, type, partitionCount, retentionTimeInHours, maxPartitionBytes } = input;
  const endpoint = { name, type, partitionCount, retentionTimeInHours, maxPartitionBytes };
  if (stored?.type === "log") {
    if (stored.partitionCount === partitionCount) return { ...stored, ...endpoint, etagNumber };
    const message = `The endpoint ${name} has ${stored.partitionCount} partitions and keeps them`;
    throw new HubError("InvalidOperation", message);
  }
  checkEntityName(context, tx, name);
  const place = findPlace(tx);
  if (place === undefined)
    throw new HubError(
      "InvalidOperation",
      "The messages of a deleted endpoint are still being removed, try again later",
    );
  return { ...endpoint, queue, etagNumber, place, createdAt: tx.now };
}

/** Clients of Event Hubs find a log by its name in any case, beside the hub's own. */
function checkEntityName(context: HubContext, tx: HubTx, name: string): void {
  const same = (other: string): boolean => other.toLowerCase() === name.toLowerCase();
  if (context.settings.hostNames.some((host) => same(hubNameOf(host))))
    throw argumentInvalid(`The name ${name} is that of the hub's own event log`);
  const other = endpointCollection.all(tx).find((one) => one.type === "log" && same(one.name));
  if (other === undefined) return;
  throw argumentInvalid(`The name ${name} is that of the endpoint ${other.name}, in another case`);
}

/**
 * Removes an endpoint with all that waits for it or is kept in it. Refuses while a route or an enrichment names it.
 */
export async function deleteEndpoint(
  context: HubContext,
  principal: Principal,
  name: string,
  precondition: Precondition,
): Promise<void> {
  const deleted = await changeSettings(context, principal, (tx) => {
    const user = userOf(tx, name);
    if (user !== undefined)
      throw new HubError("InvalidOperation", `The endpoint ${name} is used by ${user}`);
    const endpoint = deleteSetting(tx, endpointCollection, name, precondition);
    if (endpoint.type === "webhook") return { endpoint, groups: [] };
    leavePlace(tx, endpoint.place);
    return { endpoint, groups: removeGroups(tx, endpoint.queue) };
  });
  const { endpoint, groups } = deleted;
  for (const group of groups) context.consumerGroupDeleted({ log: endpoint.queue, group });
  if (endpoint.type === "log") await context.router.logs.clear(endpoint.place);
  else await context.router.removeQueues(endpoint.queue);
}

function userOf(tx: HubTx, name: string): string | undefined {
  const route = routeCollection.all(tx).find((one) => one.endpointNames.includes(name));
  if (route !== undefined) return `the route ${route.name}`;
  const enrichment = enrichmentCollection.all(tx).find((one) => one.endpointNames.includes(name));
  return enrichment && `the enrichment ${enrichment.key}`;
}

function viewIn(context: HubContext, tx: HubTx): (stored: StoredEndpoint) => JsonObject {
  return (stored) => {
    if (stored.type === "log") return logView(stored);
    const { secret, queue, etagNumber: _etagNumber, ...endpoint } = stored;
    const health = context.router.health(endpoint.name);
    return {
      ...endpoint,
      hasSecret: secret !== undefined,
      waitingMessages: tx.queueLength(queuePrefix + queue),
      deadLetters: tx.queueLength(deadLetterPrefix + queue),
      ...(health ?? {
        healthStatus: "unknown",
        lastKnownError: null,
        lastKnownErrorTime: null,
        lastSuccessfulSendAttemptTime: null,
        lastSendAttemptTime: null,
      }),
    };
  };
}

function logView(stored: StoredLog): JsonObject {
  const { name, type, partitionCount, retentionTimeInHours, maxPartitionBytes } = stored;
  const createdTime = timeText(stored.createdAt);
  const settings = { name, type, partitionCount, retentionTimeInHours, maxPartitionBytes };
  // What is acknowledged is in it: nothing ever waits.
  const health = { healthStatus: "healthy", lastKnownError: null };
  return { ...settings, createdTime, waitingMessages: 0, deadLetters: 0, ...health };
}
