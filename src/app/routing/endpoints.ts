import { HubError } from "../../domain/errors.ts";
import type { Precondition } from "../../domain/identity/etag.ts";
import type { JsonObject } from "../../domain/json.ts";
import { type WebhookEndpoint, checkEndpoint } from "../../domain/routing/endpoint.ts";
import { maxEndpoints } from "../../domain/routing/limits.ts";
import type { HubContext } from "../context.ts";
import type { PutResource, Resource } from "../hub.ts";
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
  endpointCollection,
  enrichmentCollection,
  routeCollection,
} from "./stored-settings.ts";
import { deadLetterPrefix, queuePrefix } from "./webhook-queue.ts";

/** An endpoint as a caller gives it: a secret that is missing is kept, `null` removes it. */
export type EndpointInput = Omit<WebhookEndpoint, "secret"> & {
  readonly secret?: string | null | undefined;
};

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
  { secret, ...input }: EndpointInput,
  precondition: Precondition,
): Promise<PutResource> {
  if (!context.router.canPost)
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
        const kept = secret === undefined ? stored?.secret : (secret ?? undefined);
        const endpoint = { ...input, ...(kept === undefined ? {} : { secret: kept }) };
        checkEndpoint(endpoint);
        return { ...endpoint, queue: stored?.queue ?? queue, etagNumber };
      },
    );
    return putResourceOf(put, viewIn(context, tx));
  });
}

/** Removes an endpoint with all that waits for it. Refuses while a route or an enrichment names it. */
export async function deleteEndpoint(
  context: HubContext,
  principal: Principal,
  name: string,
  precondition: Precondition,
): Promise<void> {
  const { queue } = await changeSettings(context, principal, (tx) => {
    const user = userOf(tx, name);
    if (user === undefined) return deleteSetting(tx, endpointCollection, name, precondition);
    throw new HubError("InvalidOperation", `The endpoint ${name} is used by ${user}`);
  });
  await context.router.removeQueues(queue);
}

function userOf(tx: HubTx, name: string): string | undefined {
  const route = routeCollection.all(tx).find((one) => one.endpointNames.includes(name));
  if (route !== undefined) return `the route ${route.name}`;
  const enrichment = enrichmentCollection.all(tx).find((one) => one.endpointNames.includes(name));
  return enrichment && `the enrichment ${enrichment.key}`;
}

function viewIn(context: HubContext, tx: HubTx): (stored: StoredEndpoint) => JsonObject {
  return ({ secret, queue, etagNumber: _etagNumber, ...endpoint }) => {
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
