import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { readAddressed } from "../address.ts";
import { callerOf } from "../auth.ts";
import { deviceAnswer, deviceInput } from "../schemas/identity.ts";
import { apiQuery, deviceParams, ifMatchHeader, listQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers, preconditionOf, tagged } from "./parts.ts";

const tags = ["Devices"];
const one = { tags, params: deviceParams, querystring: apiQuery };

/** Device identities (spec/rest §8.2). */
export function deviceRoutes(parts: RouteParts): FastifyPluginCallbackZod {
  const { identities } = parts.hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/devices",
      schema: {
        tags,
        summary: "List devices",
        querystring: listQuery,
        response: { 200: z.array(deviceAnswer), ...errorAnswers },
      },
      handler: async (request) => [
        ...(await identities.listDevices(callerOf(request), request.query.top)),
      ],
    });

    app.route({
      method: "GET",
      url: "/devices/:deviceId",
      schema: { ...one, summary: "Get a device", response: { 200: deviceAnswer, ...errorAnswers } },
      handler: async (request, reply) =>
        tagged(
          reply,
          await readAddressed(parts, request, request.params, (...args) => identities.get(...args)),
        ),
    });

    app.route({
      method: "PUT",
      url: "/devices/:deviceId",
      schema: {
        ...one,
        summary: "Create a device, or update it with If-Match",
        headers: ifMatchHeader,
        body: deviceInput,
        response: { 200: deviceAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const precondition = preconditionOf(request);
        const { deviceId } = request.params;
        const { body } = request;
        // Always 200, even for a new device: two SDKs refuse 201 here.
        return tagged(
          reply,
          await identities.putDevice(callerOf(request), deviceId, body, precondition),
        );
      },
    });

    app.route({
      method: "DELETE",
      url: "/devices/:deviceId",
      schema: {
        ...one,
        summary: "Delete a device with its modules",
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
