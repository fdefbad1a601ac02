import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { ConnectionInfo } from "../../../app/hub.ts";
import type { PartitionInfo } from "../../../app/ports.ts";
import { parseKeyText } from "../../../domain/identity/key.ts";
import { timeText } from "../../../domain/time.ts";
import { callerOf } from "../auth.ts";
import {
  connectionAnswer,
  connectionsQuery,
  endedConnectionAnswer,
  overviewAnswer,
  partitionAnswer,
} from "../schemas/hub.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Hub"];

/** Who is connected, who was, and the hub's counts. Ours, not Azure's. */
export function hubStateRoutes({ hub, clock }: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/connections",
      schema: {
        tags,
        summary: "List live connections in the order of their identities",
        querystring: connectionsQuery,
        response: { 200: z.array(connectionAnswer), ...errorAnswers },
      },
      handler: async (request) => {
        const { after, top } = request.query;
        const last = after ? parseKeyText(after) : null;
        return (await hub.connections.list(callerOf(request), last, top)).map(connectionView);
      },
    });

    app.route({
      method: "GET",
      url: "/$hub/connections/ended",
      schema: {
        tags,
        summary: "List the newest ends of connections with their reasons, newest first",
        response: { 200: z.array(endedConnectionAnswer), ...errorAnswers },
      },
      handler: async (request) =>
        (await hub.connections.ended(callerOf(request))).map((ended) => ({
          ...connectionView(ended),
          until: timeText(ended.until),
          reason: ended.reason,
        })),
    });

    app.route({
      method: "GET",
      url: "/$hub/overview",
      schema: {
        tags,
        summary:
          "Count identities, connections and messages; needs RegistryRead and ServiceConnect",
        response: { 200: overviewAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const caller = callerOf(request);
        const { total, enabled, disabled, modules } = await hub.identities.statistics(caller);
        const connected = await hub.connections.count(caller);
        return {
          hostName: hub.hostNames[0] ?? hub.hubName,
          hostNames: [...hub.hostNames],
          time: timeText(clock.now()),
          devices: { total, enabled, disabled, connected: connected.devices },
          modules: { total: modules, connected: connected.modules },
          partitions: (await hub.events.partitions(caller)).map(partitionView),
        };
      },
    });

    app.route({
      method: "GET",
      url: "/$hub/events/partitions",
      schema: {
        tags,
        summary: "Tell where each partition of the event log begins and ends",
        response: { 200: z.array(partitionAnswer), ...errorAnswers },
      },
      handler: async (request) =>
        (await hub.events.partitions(callerOf(request))).map(partitionView),
    });
    done();
  };
}

function connectionView({ key, protocol, since, auth }: ConnectionInfo) {
  const { deviceId, moduleId } = key;
  return {
    deviceId,
    ...(moduleId === undefined ? {} : { moduleId }),
    protocol,
    since: timeText(since),
    auth: { scope: auth.scope, type: auth.type },
  };
}

function partitionView(info: PartitionInfo): z.output<typeof partitionAnswer> {
  const { partition, firstSequenceNumber, lastSequenceNumber, lastEnqueuedTime } = info;
  return {
    partition,
    firstSequenceNumber,
    lastSequenceNumber,
    lastEnqueuedTime: lastSequenceNumber === 0 ? null : timeText(lastEnqueuedTime),
  };
}
