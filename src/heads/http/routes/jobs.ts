import type { FastifyPluginCallback } from "fastify";
import { z } from "zod";
import type { JobFilter } from "../../../app/jobs/jobs.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import { callerOf } from "../auth.ts";
import { bodyText, validatorCompiler } from "../body.ts";
import { jobAnswer, jobInput, jobParams, jobsQuery } from "../schemas/jobs.ts";
import { queryHeaders } from "../schemas/query.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Jobs"];
const one = { tags, params: jobParams, querystring: apiQuery };
const answers = { response: { 200: jobAnswer, ...errorAnswers } };

interface OneJob {
  readonly Params: { readonly jobId: string };
}

/** Jobs over many devices or modules (spec/rest §8.12). */
export function jobRoutes({ hub, limits }: RouteParts): FastifyPluginCallback {
  const { jobs } = hub;
  return (app, _options, done) => {
    app.route<OneJob & { readonly Body: JsonObject }>({
      method: "PUT",
      url: "/jobs/v2/:jobId",
      bodyLimit: limits.methodBodyBytes,
      // A twin's patch is in it, whose numbers count as they are written.
      validatorCompiler: validatorCompiler((_schema, raw) => parseTwinObject(bodyText(raw))),
      schema: { ...one, ...answers, summary: "Schedule a job", body: jobInput },
      handler: (request) => jobs.create(callerOf(request), request.params.jobId, request.body),
    });

    app.route<OneJob>({
      method: "GET",
      url: "/jobs/v2/:jobId",
      schema: { ...one, ...answers, summary: "Get a job" },
      handler: (request) => jobs.get(callerOf(request), request.params.jobId),
    });

    app.route<OneJob>({
      method: "POST",
      url: "/jobs/v2/:jobId/cancel",
      schema: { ...one, ...answers, summary: "Cancel a job; what is in flight comes to its end" },
      handler: (request) => jobs.cancel(callerOf(request), request.params.jobId),
    });

    app.route<{
      readonly Querystring: { jobType: JobFilter["type"]; jobStatus: JobFilter["status"] };
    }>({
      method: "GET",
      url: "/jobs/v2/query",
      schema: {
        tags,
        summary: "List jobs",
        querystring: jobsQuery,
        headers: queryHeaders,
        response: { 200: z.array(jobAnswer), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { jobType: type, jobStatus: status } = request.query;
        const continuation = request.headers["x-ms-continuation"];
        const page = await jobs.list(
          callerOf(request),
          { type, status },
          {
            pageSize: Number(request.headers["x-ms-max-item-count"]),
            continuation:
              typeof continuation === "string" && continuation !== "" ? continuation : undefined,
          },
        );
        reply.header("x-ms-item-type", "JobResponse");
        if (page.continuation !== null) reply.header("x-ms-continuation", page.continuation);
        return page.items;
      },
    });
    done();
  };
}
