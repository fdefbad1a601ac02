import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import type { QueryPage } from "../../../app/query/query-page.ts";
import { HubError } from "../../../domain/errors.ts";
import { callerOf } from "../auth.ts";
import { jsonArray } from "../json-array.ts";
import { queryAnswer, queryHeaders, queryInput } from "../schemas/query.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** The spelling that .NET reads as names of an enum (spec/rest §8.7). */
const itemTypes: Record<QueryPage["type"], string> = {
  twin: "Twin",
  deviceJob: "DeviceJob",
  raw: "Raw",
};

/** Queries over twins and job results (spec/rest §8.7). */
export function queryRoutes({ hub, limits }: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/devices/query",
      bodyLimit: limits.twinBodyBytes,
      schema: {
        tags: ["Queries"],
        summary: "Query twins or job results",
        querystring: apiQuery,
        headers: queryHeaders,
        body: queryInput,
        response: { 200: queryAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { query } = request.body;
        if (query == null) throw new HubError("ArgumentNull", "The body needs a member 'query'");
        const page = await hub.queries.run(callerOf(request), query, {
          pageSize: Number(request.headers["x-ms-max-item-count"]),
          continuation: request.headers["x-ms-continuation"] || undefined,
        });
        reply.header("x-ms-item-type", itemTypes[page.type]);
        if (page.continuation !== null) reply.header("x-ms-continuation", page.continuation);
        reply.type("application/json; charset=utf-8");
        return reply.send(jsonArray(page.texts) as unknown as Record<string, unknown>[]);
      },
    });
    done();
  };
}
