import { identityEtag, type Precondition } from "../../domain/identity/etag.ts";
import type { JsonObject } from "../../domain/json.ts";
import { checkEnrichment, type Enrichment } from "../../domain/routing/enrich.ts";
import { maxEnrichments, maxRoutes } from "../../domain/routing/limits.ts";
import {
  type Route,
  builtInEndpoint,
  checkRoute,
  fallbackRouteName,
} from "../../domain/routing/route.ts";
import type { HubContext } from "../context.ts";
import type { PutResource, Resource } from "../hub.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import {
  changeSettings,
  checkEtag,
  deleteSetting,
  getSetting,
  listSettings,
  putResourceOf,
  putSetting,
} from "./change-settings.ts";
import {
  type StoredEnrichment,
  type StoredFallback,
  type StoredRoute,
  endpointCollection,
  enrichmentCollection,
  readFallback,
  routeCollection,
  writeFallback,
} from "./stored-settings.ts";

export function listRoutes(
  context: HubContext,
  principal: Principal,
): Promise<readonly JsonObject[]> {
  return listSettings(context, principal, routeCollection, routeView);
}

export function getRoute(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<Resource> {
  return getSetting(context, principal, routeCollection, name, routeView);
}

export async function putRoute(
  context: HubContext,
  principal: Principal,
  route: Route,
  precondition: Precondition,
): Promise<PutResource> {
  const put = await changeSettings(context, principal, (tx) => {
    checkRoute(route, endpointNames(tx));
    return putSetting(
      tx,
      routeCollection,
      route.name,
      maxRoutes,
      precondition,
      (_stored, etagNumber): StoredRoute => ({ ...route, etagNumber }),
    );
  });
  return putResourceOf(put, routeView);
}

export async function deleteRoute(
  context: HubContext,
  principal: Principal,
  name: string,
  precondition: Precondition,
): Promise<void> {
  await changeSettings(context, principal, (tx) =>
    deleteSetting(tx, routeCollection, name, precondition),
  );
}

export function listEnrichments(
  context: HubContext,
  principal: Principal,
): Promise<readonly JsonObject[]> {
  return listSettings(context, principal, enrichmentCollection, enrichmentView);
}

export function getEnrichment(
  context: HubContext,
  principal: Principal,
  key: string,
): Promise<Resource> {
  return getSetting(context, principal, enrichmentCollection, key, enrichmentView);
}

export async function putEnrichment(
  context: HubContext,
  principal: Principal,
  enrichment: Enrichment,
  precondition: Precondition,
): Promise<PutResource> {
  const put = await changeSettings(context, principal, (tx) => {
    checkEnrichment(enrichment, endpointNames(tx));
    return putSetting(
      tx,
      enrichmentCollection,
      enrichment.key,
      maxEnrichments,
      precondition,
      (_stored, etagNumber): StoredEnrichment => ({ ...enrichment, etagNumber }),
    );
  });
  return putResourceOf(put, enrichmentView);
}

export async function deleteEnrichment(
  context: HubContext,
  principal: Principal,
  key: string,
  precondition: Precondition,
): Promise<void> {
  await changeSettings(context, principal, (tx) =>
    deleteSetting(tx, enrichmentCollection, key, precondition),
  );
}

export async function getFallback(context: HubContext, principal: Principal): Promise<Resource> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) => fallbackResource(readFallback(tx)));
}

/** There always is a fallback route, so that no precondition is needed to change it. */
export async function putFallback(
  context: HubContext,
  principal: Principal,
  isEnabled: boolean,
  precondition: Precondition,
): Promise<Resource> {
  return changeSettings(context, principal, (tx) => {
    const stored = readFallback(tx);
    checkEtag("fallback route", stored, precondition);
    const written = { isEnabled, etagNumber: stored.etagNumber + 1 };
    writeFallback(tx, written);
    return fallbackResource(written);
  });
}

/** The shape of Azure's management API, for the one setting that the route has. */
function fallbackResource({ isEnabled, etagNumber }: StoredFallback): Resource {
  const etag = identityEtag(etagNumber);
  return {
    etag,
    body: {
      name: fallbackRouteName,
      source: "DeviceMessages",
      condition: "true",
      endpointNames: [builtInEndpoint],
      isEnabled,
      etag,
    },
  };
}

function endpointNames(tx: HubTx): ReadonlySet<string> {
  return new Set(endpointCollection.all(tx).map(({ name }) => name));
}

function routeView({ name, source, condition, endpointNames: names, isEnabled }: StoredRoute) {
  return { name, source, condition, endpointNames: names, isEnabled };
}

function enrichmentView({ key, value, endpointNames: names }: StoredEnrichment) {
  return { key, value, endpointNames: names };
}
