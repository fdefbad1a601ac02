import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { callerOf } from "../auth.ts";
import { transferAnswer, transferInput } from "../schemas/transfers.ts";
import { jobParams } from "../schemas/jobs.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Import and export"];
const one = { tags, params: jobParams, querystring: apiQuery };

/** Import and export of the registry (spec/rest §8.13). */
export function transferRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { transfers } = hub;
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/jobs/create",
      schema: {
        tags,
        summary: "Import or export identities and twins, from or to the hub's own storage",
        querystring: apiQuery,
        body: transferInput,
        response: { 200: transferAnswer, ...errorAnswers },
      },
      handler: (request) => transfers.create(callerOf(request), request.body),
    });

    app.route({
      method: "GET",
      url: "/jobs",
      schema: {
        tags,
        summary: "List imports and exports",
        querystring: apiQuery,
        response: { 200: z.array(transferAnswer), ...errorAnswers },
      },
      handler: async (request) => [...(await transfers.list(callerOf(request)))],
    });

    app.route({
      method: "GET",
      url: "/jobs/:jobId",
      schema: {
        ...one,
        summary: "Get an import or export",
        response: { 200: transferAnswer, ...errorAnswers },
      },
      handler: (request) => transfers.get(callerOf(request), request.params.jobId),
    });

    app.route({
      method: "DELETE",
      url: "/jobs/:jobId",
      schema: {
        ...one,
        summary: "Cancel an import or export",
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await transfers.cancel(callerOf(request), request.params.jobId);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}
