import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Principal } from "../../../app/principal.ts";
import type { ConsumerGroup } from "../../../domain/messages/consumer-group.ts";
import { builtInEndpoint } from "../../../domain/routing/route.ts";
import { timeText } from "../../../domain/time.ts";
import { callerOf } from "../auth.ts";
import { optionalText } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Events"];

const groupParams = z.object({ name: z.string() });

const groupQuery = z.object({
  endpoint: optionalText.describe(
    "an endpoint of type log; the built-in one, events, unless given",
  ),
});

const groupAnswer = z.object({ name: z.string(), createdTime: z.string() });

/** The consumer groups of the hub's own event log and of endpoints (spec/amqp §13.1). Ours, not Azure's. */
export function consumerGroupRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const groupsOf = async (caller: Principal, endpoint: string | null | undefined) =>
    (await hub.eventSource(caller, endpoint || builtInEndpoint)).consumerGroups;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/consumer-groups",
      schema: {
        tags,
        summary: "List consumer groups; needs ServiceConnect",
        querystring: groupQuery,
        response: { 200: z.array(groupAnswer), ...errorAnswers },
      },
      handler: async (request) => {
        const caller = callerOf(request);
        const consumerGroups = await groupsOf(caller, request.query.endpoint);
        return (await consumerGroups.list(caller)).map(answerOf);
      },
    });

    app.route({
      method: "PUT",
      url: "/$hub/consumer-groups/:name",
      schema: {
        tags,
        summary: "Create a consumer group, or leave the one that is there; needs all four rights",
        params: groupParams,
        querystring: groupQuery,
        response: { 200: groupAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const caller = callerOf(request);
        const consumerGroups = await groupsOf(caller, request.query.endpoint);
        return answerOf(await consumerGroups.create(caller, request.params.name));
      },
    });

    app.route({
      method: "DELETE",
      url: "/$hub/consumer-groups/:name",
      schema: {
        tags,
        summary: "Delete a consumer group and disconnect its readers; needs all four rights",
        params: groupParams,
        querystring: groupQuery,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const caller = callerOf(request);
        const consumerGroups = await groupsOf(caller, request.query.endpoint);
        await consumerGroups.delete(caller, request.params.name);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function answerOf({ name, createdAt }: ConsumerGroup): z.output<typeof groupAnswer> {
  return { name, createdTime: timeText(createdAt) };
}
