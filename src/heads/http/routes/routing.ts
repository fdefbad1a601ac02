import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { argumentInvalid } from "../../../domain/errors.ts";
import { type Precondition, parsePrecondition } from "../../../domain/identity/etag.ts";
import { callerOf } from "../auth.ts";
import {
  endpointAnswer,
  endpointInput,
  enrichmentAnswer,
  enrichmentInput,
  enrichmentKey,
  fallbackInput,
  routeAnswer,
  routeInput,
  routingName,
} from "../schemas/routing.ts";
import { ifMatchHeader } from "../schemas/shared.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { type RouteParts, errorAnswers, tagged } from "./parts.ts";

const tags = ["Routing"];

/** Routes of messages, the fallback route, endpoints and enrichments (spec/semantics §11). Ours, not Azure's. */
export function routingRoutes(parts: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.register(messageRoutes(parts));
    app.register(endpointRoutes(parts));
    app.register(deadLetterRoutes(parts));
    app.register(enrichmentRoutes(parts));
    done();
  };
}

function messageRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { routing } = hub;
  const response = { 200: routeAnswer, ...errorAnswers };
  return (app, _options, done) => {
    const url = "/$hub/routes/:name";
    const write = { tags, params: routingName, headers: ifMatchHeader };
    app.route({
      method: "GET",
      url: "/$hub/routes",
      schema: {
        tags,
        summary: "List routes",
        response: { 200: z.array(routeAnswer), ...errorAnswers },
      },
      handler: async (request) => [...(await routing.routes(callerOf(request)))],
    });
    app.route({
      method: "GET",
      url,
      schema: { tags, summary: "Get a route", params: routingName, response },
      handler: async (request, reply) =>
        tagged(reply, await routing.route(callerOf(request), request.params.name)),
    });
    app.route({
      method: "PUT",
      url,
      schema: {
        ...write,
        summary: "Create a route, or change it with If-Match",
        body: routeInput,
        response: { ...response, 201: routeAnswer },
      },
      handler: async (request, reply) => {
        const name = sameName(request.params.name, request.body.name);
        const route = { ...request.body, name, condition: request.body.condition ?? "" };
        const put = await routing.putRoute(callerOf(request), route, preconditionOf(request));
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });
    app.route({
      method: "DELETE",
      url,
      schema: {
        ...write,
        summary: "Delete a route",
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        await routing.deleteRoute(callerOf(request), name, preconditionOf(request));
        return reply.code(204).send(undefined);
      },
    });
    app.route({
      method: "GET",
      url: "/$hub/fallbackRoute",
      schema: { tags, summary: "Get the fallback route", response },
      handler: async (request, reply) => tagged(reply, await routing.fallback(callerOf(request))),
    });
    app.route({
      method: "PUT",
      url: "/$hub/fallbackRoute",
      schema: {
        tags,
        summary: "Turn the fallback route on or off",
        headers: ifMatchHeader,
        body: fallbackInput,
        response,
      },
      handler: async (request, reply) => {
        const { isEnabled } = request.body;
        const precondition = preconditionOf(request);
        return tagged(reply, await routing.putFallback(callerOf(request), isEnabled, precondition));
      },
    });
    done();
  };
}

function endpointRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { routing } = hub;
  const response = { 200: endpointAnswer, ...errorAnswers };
  return (app, _options, done) => {
    const url = "/$hub/endpoints/:name";
    const write = { tags, params: routingName, headers: ifMatchHeader };
    app.route({
      method: "GET",
      url: "/$hub/endpoints",
      schema: {
        tags,
        summary: "List endpoints beside the built-in one, with their health",
        response: { 200: z.array(endpointAnswer), ...errorAnswers },
      },
      handler: async (request) => [...(await routing.endpoints(callerOf(request)))],
    });
    app.route({
      method: "GET",
      url,
      schema: { tags, summary: "Get an endpoint with its health", params: routingName, response },
      handler: async (request, reply) =>
        tagged(reply, await routing.endpoint(callerOf(request), request.params.name)),
    });
    app.route({
      method: "PUT",
      url,
      schema: {
        ...write,
        summary: "Create an endpoint, webhook or log, or change it with If-Match",
        body: endpointInput,
        response: { ...response, 201: endpointAnswer },
      },
      handler: async (request, reply) => {
        const name = sameName(request.params.name, request.body.name);
        const put = await routing.putEndpoint(
          callerOf(request),
          { ...request.body, name },
          preconditionOf(request),
        );
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });
    app.route({
      method: "DELETE",
      url,
      schema: {
        ...write,
        summary:
          "Delete an endpoint that nothing names, with all that waits for it or is kept in it",
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        await routing.deleteEndpoint(callerOf(request), name, preconditionOf(request));
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function enrichmentRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { routing } = hub;
  const response = { 200: enrichmentAnswer, ...errorAnswers };
  return (app, _options, done) => {
    const url = "/$hub/enrichments/:key";
    const write = { tags, params: enrichmentKey, headers: ifMatchHeader };
    app.route({
      method: "GET",
      url: "/$hub/enrichments",
      schema: {
        tags,
        summary: "List enrichments",
        response: { 200: z.array(enrichmentAnswer), ...errorAnswers },
      },
      handler: async (request) => [...(await routing.enrichments(callerOf(request)))],
    });
    app.route({
      method: "GET",
      url,
      schema: { tags, summary: "Get an enrichment", params: enrichmentKey, response },
      handler: async (request, reply) =>
        tagged(reply, await routing.enrichment(callerOf(request), request.params.key)),
    });
    app.route({
      method: "PUT",
      url,
      schema: {
        ...write,
        summary: "Create an enrichment, or change it with If-Match",
        body: enrichmentInput,
        response: { ...response, 201: enrichmentAnswer },
      },
      handler: async (request, reply) => {
        const key = sameName(request.params.key, request.body.key);
        const put = await routing.putEnrichment(
          callerOf(request),
          { ...request.body, key },
          preconditionOf(request),
        );
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });
    app.route({
      method: "DELETE",
      url,
      schema: {
        ...write,
        summary: "Delete an enrichment",
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { key } = request.params;
        await routing.deleteEnrichment(callerOf(request), key, preconditionOf(request));
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function sameName(inPath: string, inBody: string | null | undefined): string {
  if (inBody == null || inBody === inPath) return inPath;
  throw argumentInvalid("The name in the body is not the one in the address");
}

function preconditionOf(request: {
  readonly headers: { readonly "if-match"?: string | undefined };
}): Precondition {
  return parsePrecondition(request.headers["if-match"]);
}
