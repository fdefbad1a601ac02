import { HubError } from "../../domain/errors.ts";
import { builtInEndpoint } from "../../domain/routing/route.ts";
import type { HubContext } from "../context.ts";
import type { ConsumerGroups, EventSource, Events } from "../hub.ts";
import type { Listeners } from "../listeners.ts";
import type { EventLog } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import type { StoredLog } from "../routing/stored-settings.ts";
import {
  type DeletedGroup,
  createConsumerGroup,
  deleteConsumerGroup,
  getConsumerGroup,
  listConsumerGroups,
  ownLog,
} from "./consumer-groups.ts";
import { eventPartitions, readEvents, seekEvents } from "./read-events.ts";

/** The hub's own event log, which every hub has. */
export function ownSource(context: HubContext, deletions: Listeners<DeletedGroup>): EventSource {
  return sourceOf(context, deletions, {
    name: context.hubName,
    id: ownLog,
    log: () => context.store.eventLog,
  });
}

/** The log of an endpoint of type `log`, or the hub's own for `events`. Refuses with GenericNotFound. */
export async function eventSource(
  context: HubContext,
  deletions: Listeners<DeletedGroup>,
  principal: Principal,
  name: string,
): Promise<EventSource> {
  demand(principal, "ServiceConnect");
  if (name === builtInEndpoint) return ownSource(context, deletions);
  const { name: endpoint, queue } = findLog(context, name);
  return sourceOf(context, deletions, {
    name: endpoint,
    id: queue,
    // Asked for again each time: the endpoint may be gone, and another may have its place.
    log: () => {
      const { place, partitionCount } = findLog(context, endpoint, queue);
      return context.store.endpointLog(place, partitionCount);
    },
  });
}

function findLog({ router }: HubContext, name: string, queue?: string): StoredLog {
  const log = router.logs.find(name);
  if (log !== undefined && (queue === undefined || log.queue === queue)) return log;
  const shown = name.slice(0, 64).replaceAll(";", " ");
  throw new HubError("GenericNotFound", `There is no endpoint '${shown}' with an event log`);
}

interface Parts {
  readonly name: string;
  readonly id: string;
  readonly log: () => EventLog;
}

function sourceOf(
  context: HubContext,
  deletions: Listeners<DeletedGroup>,
  { name, id, log }: Parts,
): EventSource {
  const events: Events = {
    partitions: async (...args) => eventPartitions(log(), ...args),
    read: async (...args) => readEvents(log(), ...args),
    seek: async (...args) => seekEvents(log(), ...args),
    onAppended: (listener) => log().onAppended(listener),
  };
  const consumerGroups: ConsumerGroups = {
    list: async (...args) => listConsumerGroups(context, id, ...args),
    get: async (...args) => getConsumerGroup(context, id, ...args),
    create: async (...args) => {
      log();
      return createConsumerGroup(context, id, ...args);
    },
    delete: async (...args) => deleteConsumerGroup(context, id, ...args),
    onDeleted: (listener) =>
      deletions.add(({ log: of, group }) => {
        if (of === id) listener(group);
      }),
  };
  return { name, id, events, consumerGroups };
}
