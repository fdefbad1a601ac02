import type { FastifyPluginCallback } from "fastify";
import { z } from "zod";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import { callerOf } from "../auth.ts";
import { bodyText, validatorCompiler } from "../body.ts";
import {
  configurationAnswer,
  configurationInput,
  configurationParams,
  contentInput,
  testQueriesAnswer,
  testQueriesInput,
} from "../schemas/configurations.ts";
import { apiQuery, deviceParams, ifMatchHeader, listQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers, preconditionOf, tagged } from "./parts.ts";

const tags = ["Configurations"];
const one = { tags, params: configurationParams, querystring: apiQuery };

/** Desired properties are in the bodies, whose numbers count as they are written. */
const asTwin = validatorCompiler((_schema, raw) => parseTwinObject(bodyText(raw)));

interface OneConfiguration {
  readonly Params: { readonly id: string };
}

interface WithBody {
  readonly Body: JsonObject;
}

/** Automatic configurations and edge deployments (spec/rest §8.11). */
export function configurationRoutes({ hub, limits }: RouteParts): FastifyPluginCallback {
  const { configurations } = hub;
  const bodyLimit = limits.configurationBodyBytes;
  return (app, _options, done) => {
    app.route<{ readonly Querystring: { readonly top?: number } }>({
      method: "GET",
      url: "/configurations",
      schema: {
        tags,
        summary: "List configurations",
        querystring: listQuery,
        response: { 200: z.array(configurationAnswer), ...errorAnswers },
      },
      handler: (request) => configurations.list(callerOf(request), request.query.top),
    });

    app.route<OneConfiguration>({
      method: "GET",
      url: "/configurations/:id",
      schema: {
        ...one,
        summary: "Get a configuration with the results of its metrics",
        response: { 200: configurationAnswer, ...errorAnswers },
      },
      handler: async (request, reply) =>
        tagged(reply, await configurations.get(callerOf(request), request.params.id)),
    });

    app.route<OneConfiguration & WithBody>({
      method: "PUT",
      url: "/configurations/:id",
      bodyLimit,
      validatorCompiler: asTwin,
      schema: {
        ...one,
        summary: "Create a configuration, or update it with If-Match",
        headers: ifMatchHeader,
        body: configurationInput,
        response: { 200: configurationAnswer, 201: configurationAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const precondition = preconditionOf(request);
        const { id } = request.params;
        const put = await configurations.put(callerOf(request), id, request.body, precondition);
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });

    app.route<OneConfiguration>({
      method: "DELETE",
      url: "/configurations/:id",
      schema: {
        ...one,
        summary: "Delete a configuration and withdraw what it has set",
        headers: ifMatchHeader,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const precondition = preconditionOf(request);
        await configurations.delete(callerOf(request), request.params.id, precondition);
        return reply.code(204).send(undefined);
      },
    });

    app.route<WithBody>({
      method: "POST",
      url: "/configurations/testQueries",
      bodyLimit,
      validatorCompiler: asTwin,
      schema: {
        tags,
        summary: "Tell what is wrong with a target condition and metric queries",
        querystring: apiQuery,
        body: testQueriesInput,
        response: { 200: testQueriesAnswer, ...errorAnswers },
      },
      handler: (request) => configurations.testQueries(callerOf(request), request.body),
    });

    app.route<WithBody & { readonly Params: { readonly deviceId: string } }>({
      method: "POST",
      url: "/devices/:deviceId/applyConfigurationContent",
      bodyLimit,
      validatorCompiler: asTwin,
      schema: {
        tags,
        summary: "Apply content to one device at once",
        params: deviceParams,
        querystring: apiQuery,
        body: contentInput,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { deviceId } = request.params;
        await configurations.applyContent(callerOf(request), deviceId, request.body);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}
