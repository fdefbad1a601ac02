import type { EventSource } from "../../../app/hub.ts";
import type { Principal } from "../../../app/principal.ts";
import { HubError, errorNumbers } from "../../../domain/errors.ts";
import { hubNameOf } from "../../../domain/host-name.ts";
import { builtInEndpoint } from "../../../domain/routing/route.ts";
import { type Typed, int } from "../codec/values.ts";
import { AmqpRefusal, describe } from "../errors.ts";
import type { Services } from "../services.ts";

/** Tools that follow a redirect only there (spec/amqp §13.2). */
const eventHubsHost = /\.servicebus\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/i;

/** The Event Hubs-compatible name of the hub's own log (spec/amqp §13.1). */
export function entityName({ hub }: Services): string {
  return hub.hubName;
}

/**
 * The log that an entity is: the hub's own, which has a name by each host name of the hub, or that of a route's endpoint.
 * Names compare without regard to case. Refuses with amqp:not-found.
 */
export async function findEntity(
  services: Services,
  principal: Principal,
  name: string,
): Promise<EventSource> {
  const { hub } = services;
  const same = (other: string): boolean => other.toLowerCase() === name.toLowerCase();
  const isOwn = hub.hostNames.some((host) => same(hubNameOf(host)));
  if (!isOwn && name === builtInEndpoint) throw notFound(services, name);
  try {
    return await hub.eventSource(principal, isOwn ? builtInEndpoint : name);
  } catch (error) {
    const isUnknown = error instanceof HubError && error.name === "GenericNotFound";
    throw isUnknown ? notFound(services, name) : error;
  }
}

/** Clients know the sentence (spec/amqp §13.3). */
export function notFound(services: Services, name: string): AmqpRefusal {
  const shown = name.slice(0, 200).replaceAll(";", " ");
  const text = `The messaging entity '${shown}' could not be found.`;
  return new AmqpRefusal(describe(services, "amqp:not-found", errorNumbers.GenericNotFound, text));
}

/** The number of a partition. Refuses with com.microsoft:argument-out-of-range (spec/amqp §13.3). */
export function partitionNumber(services: Services, text: string, count: number): number {
  const partition = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (partition < count) return partition;
  const shown = text.slice(0, 100).replaceAll(";", " ");
  throw new AmqpRefusal(
    describe(
      services,
      "com.microsoft:argument-out-of-range",
      errorNumbers.ArgumentInvalid,
      `The specified partition '${shown}' is invalid: the entity has the partitions 0 to ${count - 1}`,
    ),
  );
}

/** Sends a client that reads events on the hub's own address to the endpoint for them (spec/amqp §13.2). */
export function redirect(services: Services, rest: string): AmqpRefusal {
  const { hub, port } = services;
  const host = hub.hostNames.find((name) => eventHubsHost.test(name)) ?? hub.hostNames[0] ?? "";
  const address = `amqps://${host}:${port()}/${entityName(services)}/${rest}`;
  const error = describe(
    services,
    "amqp:link:redirect",
    0,
    "The events are read at another address",
  );
  return new AmqpRefusal({
    ...error,
    info: new Map<string, string | Typed>([
      ...(error.info as ReadonlyMap<string, string>),
      ["hostname", host],
      ["network-host", host],
      ["port", int(port())],
      ["address", address],
    ]),
  });
}
