import type { JsonObject } from "../../domain/json.ts";
import type { LogEndpoint, WebhookEndpoint } from "../../domain/routing/endpoint.ts";
import type { Enrichment } from "../../domain/routing/enrich.ts";
import { maxEndpoints } from "../../domain/routing/limits.ts";
import type { Route } from "../../domain/routing/route.ts";
import { type RoutingSettings, routesHubEvents } from "../../domain/routing/routing.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubTx } from "../ports.ts";

export interface Versioned {
  /** Raised by every write; printed as the etag. */
  readonly etagNumber: number;
}

export type StoredRoute = Route & Versioned;
export type StoredEnrichment = Enrichment & Versioned;
export type StoredWebhook = WebhookEndpoint &
  Versioned & {
    /** Names its queues: an endpoint made anew under an old name begins with none of the old one's messages. */
    readonly queue: string;
  };
export type StoredLog = LogEndpoint &
  Versioned & {
    /** Names its consumer groups, and tells it from another of its name. */
    readonly queue: string;
    /** Where the store keeps its messages, from 1. */
    readonly place: number;
    readonly createdAt: Milliseconds;
  };
export type StoredEndpoint = StoredWebhook | StoredLog;
export type StoredFallback = { readonly isEnabled: boolean } & Versioned;

/** A kind of settings that has several documents, each under its name. */
export interface Collection<T extends Versioned> {
  readonly name: string;
  /** What one of it is called in messages. */
  readonly what: string;
  all(tx: HubTx): readonly T[];
  read(tx: HubTx, id: string): T | undefined;
  write(tx: HubTx, id: string, value: T): void;
}

function collection<T extends Versioned>(name: string, what: string): Collection<T> {
  return {
    name,
    what,
    all: (tx) => tx.documents(name).map(({ value }) => value as unknown as T),
    read: (tx, id) => tx.document(name, id) as unknown as T | undefined,
    write: (tx, id, value) => tx.putDocument(name, id, value as unknown as JsonObject),
  };
}

export const routeCollection = collection<StoredRoute>("routes", "route");
export const endpointCollection = collection<StoredEndpoint>("endpoints", "endpoint");
export const enrichmentCollection = collection<StoredEnrichment>("enrichments", "enrichment");

/** Places whose endpoint is gone and whose messages are not yet. */
const left = "leftLogs";

export function leavePlace(tx: HubTx, place: number): void {
  tx.putDocument(left, String(place), {});
}

export function leftPlaces(tx: HubTx): readonly number[] {
  return tx.documents(left).map(({ id }) => Number(id));
}

export function freePlace(tx: HubTx, place: number): void {
  tx.deleteDocument(left, String(place));
}

/** The first place for the messages of a new log; undefined if there is none. */
export function findPlace(tx: HubTx): number | undefined {
  const taken = new Set(leftPlaces(tx));
  for (const endpoint of endpointCollection.all(tx))
    if (endpoint.type === "log") taken.add(endpoint.place);
  return Array.from({ length: maxEndpoints }, (_, index) => index + 1).find(
    (place) => !taken.has(place),
  );
}

const single = "routing";
const fallbackId = "fallback";
const positionId = "position";

/** On, for a hub whose owner has not said otherwise. */
export function readFallback(tx: HubTx): StoredFallback {
  const stored = tx.document(single, fallbackId) as unknown as StoredFallback | undefined;
  return stored ?? { isEnabled: true, etagNumber: 1 };
}

export function writeFallback(tx: HubTx, fallback: StoredFallback): void {
  tx.putDocument(single, fallbackId, { ...fallback });
}

/** The sequence up to which the outbox has been routed; undefined if it never was. */
export function readPosition(tx: HubTx): number | undefined {
  const sequence = tx.document(single, positionId)?.["sequence"];
  return typeof sequence === "number" ? sequence : undefined;
}

export function writePosition(tx: HubTx, sequence: number): void {
  tx.putDocument(single, positionId, { sequence });
}

export interface StoredSettings extends RoutingSettings {
  readonly endpoints: readonly StoredEndpoint[];
  readonly position: number | undefined;
}

export function readSettings(tx: HubTx): StoredSettings {
  return {
    routes: routeCollection.all(tx),
    endpoints: endpointCollection.all(tx),
    enrichments: enrichmentCollection.all(tx),
    isFallbackEnabled: readFallback(tx).isEnabled,
    position: readPosition(tx),
  };
}

/** True if the outbox has to be routed. */
export function takesHubEvents(tx: HubTx): boolean {
  return routesHubEvents(readSettings(tx));
}
