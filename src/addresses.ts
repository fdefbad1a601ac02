/** What clients are told: names, connection strings and links. */
import type { Hub } from "./app/create-hub.ts";
import type { Clock } from "./app/ports.ts";
import { type Policy, isOwner } from "./domain/identity/policy.ts";
import type { HttpHead } from "./heads/http/head.ts";
import { formatConnectionString } from "./wire/connection-string.ts";
import { formatEventHubConnectionString } from "./wire/event-hub-connection-string.ts";
import { createSasToken } from "./wire/sas-token.ts";

/** A session that begins with the printed link lasts no longer. */
const portalTokenSeconds = 8 * 3600;

/** An address that clients can dial: the one listened on, or the loopback if that is "any". */
export function defaultHostName(listenAddress: string): string {
  return listenAddress === "0.0.0.0" || listenAddress === "::" ? "127.0.0.1" : listenAddress;
}

/** As it stands in a URL after `https://`. */
export function withPort(hostName: string, port: number): string {
  const host = hostName.includes(":") ? `[${hostName}]` : hostName;
  return port === 443 ? host : `${host}:${port}`;
}

/** Of services, by the name of their policy. */
export function connectionStrings(hub: Hub, hostName: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    hub.policies.map(({ name, primaryKey }) => [
      name,
      formatConnectionString({
        hostName,
        sharedAccessKeyName: name,
        sharedAccessKey: primaryKey,
      }),
    ]),
  );
}

/** With the first policy that may read and do the least besides. */
export function eventHubConnectionString(hub: Hub, hostName: string, port: number): string | null {
  const [policy] = hub.policies
    .filter(({ rights }) => rights.includes("ServiceConnect"))
    .toSorted((a, b) => a.rights.length - b.rights.length);
  if (policy === undefined) return null;
  return formatEventHubConnectionString({
    hostName,
    port,
    sharedAccessKeyName: policy.name,
    sharedAccessKey: policy.primaryKey,
    entityPath: hub.api.hubName,
  });
}

/** The owner's one-time link. */
export function portalUrl(
  http: HttpHead,
  hostName: string,
  port: number,
  policies: readonly Policy[],
  clock: Clock,
): string | null {
  const owner = policies.find(({ rights }) => isOwner(rights));
  if (owner === undefined) return null;
  const token = createSasToken({
    resource: hostName,
    key: owner.primaryKey,
    expiry: Math.floor(clock.now() / 1000) + portalTokenSeconds,
    policy: owner.name,
  });
  return `https://${withPort(hostName, port)}${http.portalLink(token)}`;
}
