import type { JsonObject } from "../../domain/json.ts";
import type { WebhookEndpoint } from "../../domain/routing/endpoint.ts";
import type { Enrichment } from "../../domain/routing/enrich.ts";
import type { Route } from "../../domain/routing/route.ts";
import { type RoutingSettings, routesHubEvents } from "../../domain/routing/routing.ts";
import type { HubTx } from "../ports.ts";

export interface Versioned {
  /** Raised by every write; printed as the etag. */
  readonly etagNumber: number;
}

export type StoredRoute = Route & Versioned;
export type StoredEnrichment = Enrichment & Versioned;
export type StoredEndpoint = WebhookEndpoint &
  Versioned & {
    /** Names its queues: an endpoint made anew under an old name begins with none of the old one's messages. */
    readonly queue: string;
  };
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
