import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { TwinIndex } from "../../../app/query/indexes.ts";
import { timeText } from "../../../domain/time.ts";
import { callerOf } from "../auth.ts";
import { indexAnswer, indexInput } from "../schemas/query.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Queries"];
const url = "/$hub/indexes";

/** Declared indexes on values inside twins. Ours, not Azure's. */
export function indexRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { indexes } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url,
      schema: {
        tags,
        summary: "List declared indexes; needs ServiceConnect",
        response: { 200: z.array(indexAnswer), ...errorAnswers },
      },
      handler: async (request) => (await indexes.list(callerOf(request))).map(answerOf),
    });

    app.route({
      method: "POST",
      url,
      schema: {
        tags,
        summary:
          "Make an index, or leave the one that is there; answers when it is built; needs all four rights",
        body: indexInput,
        response: { 200: indexAnswer, ...errorAnswers },
      },
      handler: async (request) =>
        answerOf(await indexes.create(callerOf(request), request.body.path)),
    });

    app.route({
      method: "DELETE",
      url,
      schema: {
        tags,
        summary: "Drop an index; needs all four rights",
        querystring: indexInput,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await indexes.delete(callerOf(request), request.query.path);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function answerOf({ path, createdAt, isUsed }: TwinIndex): z.output<typeof indexAnswer> {
  return { path, createdTime: timeText(createdAt), isUsed };
}
