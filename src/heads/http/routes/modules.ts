import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { readAddressed } from "../address.ts";
import { callerOf } from "../auth.ts";
import { moduleAnswer, moduleInput } from "../schemas/identity.ts";
import { apiQuery, deviceParams, ifMatchHeader, moduleParams } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers, preconditionOf, tagged } from "./parts.ts";

const tags = ["Modules"];
const one = { tags, params: moduleParams, querystring: apiQuery };

/** Module identities (spec/rest §8.4). */
export function moduleRoutes(parts: RouteParts): FastifyPluginCallbackZod {
  const { identities } = parts.hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/devices/:deviceId/modules",
      schema: {
        tags,
        summary: "List a device's modules",
        params: deviceParams,
        querystring: apiQuery,
        response: { 200: z.array(moduleAnswer), ...errorAnswers },
      },
      handler: async (request) => [
        ...(await readAddressed(parts, request, request.params, (principal, key) =>
          identities.listModules(principal, key.deviceId),
        )),
      ],
    });

    app.route({
      method: "GET",
      url: "/devices/:deviceId/modules/:moduleId",
      schema: { ...one, summary: "Get a module", response: { 200: moduleAnswer, ...errorAnswers } },
      handler: async (request, reply) =>
        tagged(
          reply,
          await readAddressed(parts, request, request.params, (...args) => identities.get(...args)),
        ),
    });

    app.route({
      method: "PUT",
      url: "/devices/:deviceId/modules/:moduleId",
      schema: {
        ...one,
        summary: "Create a module, or update it with If-Match",
        headers: ifMatchHeader,
        body: moduleInput,
        response: { 200: moduleAnswer, 201: moduleAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const put = await identities.putModule(
          callerOf(request),
          request.params,
          request.body,
          preconditionOf(request),
        );
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });

    app.route({
      method: "DELETE",
      url: "/devices/:deviceId/modules/:moduleId",
      schema: {
        ...one,
        summary: "Delete a module",
        headers: ifMatchHeader,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const precondition = preconditionOf(request);
        await identities.delete(callerOf(request), request.params, precondition);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}
