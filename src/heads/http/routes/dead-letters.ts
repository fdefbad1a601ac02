import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { callerOf } from "../auth.ts";
import {
  deadLetterAnswer,
  deadLetterParams,
  deadLettersQuery,
  purgeAnswer,
  retryAnswer,
  routingName,
} from "../schemas/routing.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Routing"];
const all = "/$hub/endpoints/:name/deadLetters";
const one = `${all}/:id`;

/** Messages that an endpoint never accepted: for ServiceConnect to read, for owners to send again and to delete. */
export function deadLetterRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { routing } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: all,
      schema: {
        tags,
        summary: "List the oldest messages that the endpoint never accepted",
        params: routingName,
        querystring: deadLettersQuery,
        response: { 200: z.array(deadLetterAnswer), ...errorAnswers },
      },
      handler: async (request) => {
        const { name } = request.params;
        return [...(await routing.deadLetters(callerOf(request), name, request.query.top))];
      },
    });
    app.route({
      method: "POST",
      url: `${all}/retry`,
      schema: {
        tags,
        summary: "Send all dead letters of the endpoint again, behind the messages that wait",
        params: routingName,
        response: { 200: retryAnswer, ...errorAnswers },
      },
      handler: async (request) => ({
        totalMessagesRetried: await routing.retryDeadLetters(
          callerOf(request),
          request.params.name,
        ),
      }),
    });
    app.route({
      method: "POST",
      url: `${one}/retry`,
      schema: {
        tags,
        summary: "Send a dead letter again, behind the messages that wait",
        params: deadLetterParams,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { name, id } = request.params;
        await routing.retryDeadLetter(callerOf(request), name, id);
        return reply.code(204).send(undefined);
      },
    });
    app.route({
      method: "DELETE",
      url: one,
      schema: {
        tags,
        summary: "Delete a dead letter",
        params: deadLetterParams,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { name, id } = request.params;
        await routing.discardDeadLetter(callerOf(request), name, id);
        return reply.code(204).send(undefined);
      },
    });
    app.route({
      method: "DELETE",
      url: all,
      schema: {
        tags,
        summary: "Delete all dead letters of the endpoint",
        params: routingName,
        response: { 200: purgeAnswer, ...errorAnswers },
      },
      handler: async (request) => ({
        totalMessagesPurged: await routing.purgeDeadLetters(callerOf(request), request.params.name),
      }),
    });
    done();
  };
}
