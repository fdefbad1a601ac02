import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { ConsumerGroup } from "../../../domain/messages/consumer-group.ts";
import { timeText } from "../../../domain/time.ts";
import { callerOf } from "../auth.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Events"];

const groupParams = z.object({ name: z.string() });

const groupAnswer = z.object({ name: z.string(), createdTime: z.string() });

/** The consumer groups of the Event Hubs-compatible endpoint (spec/amqp §13.1). Ours, not Azure's. */
export function consumerGroupRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { consumerGroups } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/consumer-groups",
      schema: {
        tags,
        summary: "List consumer groups; needs ServiceConnect",
        response: { 200: z.array(groupAnswer), ...errorAnswers },
      },
      handler: async (request) => (await consumerGroups.list(callerOf(request))).map(answerOf),
    });

    app.route({
      method: "PUT",
      url: "/$hub/consumer-groups/:name",
      schema: {
        tags,
        summary: "Create a consumer group, or leave the one that is there; needs all four rights",
        params: groupParams,
        response: { 200: groupAnswer, ...errorAnswers },
      },
      handler: async (request) =>
        answerOf(await consumerGroups.create(callerOf(request), request.params.name)),
    });

    app.route({
      method: "DELETE",
      url: "/$hub/consumer-groups/:name",
      schema: {
        tags,
        summary: "Delete a consumer group and disconnect its readers; needs all four rights",
        params: groupParams,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await consumerGroups.delete(callerOf(request), request.params.name);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function answerOf({ name, createdAt }: ConsumerGroup): z.output<typeof groupAnswer> {
  return { name, createdTime: timeText(createdAt) };
}
