import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { callerOf } from "../auth.ts";
import {
  endpointAnswer,
  endpointInput,
  enrichmentAnswer,
  enrichmentInput,
  fallbackInput,
  routeAnswer,
  routeInput,
} from "../schemas/routing.ts";
import { ifMatchHeader } from "../schemas/shared.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { namedResourceRoutes } from "./named-resource.ts";
import { type RouteParts, errorAnswers, preconditionOf, tagged } from "./parts.ts";

const tag = "Routing";

/** Routes of messages, the fallback route, endpoints and enrichments (spec/semantics §11). Ours, not Azure's. */
export function routingRoutes(parts: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.register(messageRoutes(parts));
    app.register(fallbackRoutes(parts));
    app.register(endpointRoutes(parts));
    app.register(deadLetterRoutes(parts));
    app.register(enrichmentRoutes(parts));
    done();
  };
}

function messageRoutes({ hub: { routing } }: RouteParts): FastifyPluginCallbackZod {
  return namedResourceRoutes({
    tag,
    url: "/$hub/routes",
    nameMember: "name",
    summaries: {
      list: "List routes",
      get: "Get a route",
      put: "Create a route, or change it with If-Match",
      delete: "Delete a route",
    },
    answer: routeAnswer,
    input: routeInput,
    list: (principal) => routing.routes(principal),
    get: (principal, name) => routing.route(principal, name),
    put(principal, name, input, precondition) {
      const route = { ...input, name, condition: input.condition ?? "" };
      return routing.putRoute(principal, route, precondition);
    },
    delete: (principal, name, precondition) => routing.deleteRoute(principal, name, precondition),
  });
}

function fallbackRoutes({ hub: { routing } }: RouteParts): FastifyPluginCallbackZod {
  const tags = [tag];
  const response = { 200: routeAnswer, ...errorAnswers };
  return (app, _options, done) => {
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

function endpointRoutes({ hub: { routing } }: RouteParts): FastifyPluginCallbackZod {
  return namedResourceRoutes({
    tag,
    url: "/$hub/endpoints",
    nameMember: "name",
    summaries: {
      list: "List endpoints beside the built-in one, with their health",
      get: "Get an endpoint with its health",
      put: "Create an endpoint, webhook or log, or change it with If-Match",
      delete: "Delete an endpoint that nothing names, with all that waits for it or is kept in it",
    },
    answer: endpointAnswer,
    input: endpointInput,
    list: (principal) => routing.endpoints(principal),
    get: (principal, name) => routing.endpoint(principal, name),
    put: (principal, name, input, precondition) =>
      routing.putEndpoint(principal, { ...input, name }, precondition),
    delete: (principal, name, precondition) =>
      routing.deleteEndpoint(principal, name, precondition),
  });
}

function enrichmentRoutes({ hub: { routing } }: RouteParts): FastifyPluginCallbackZod {
  return namedResourceRoutes({
    tag,
    url: "/$hub/enrichments",
    nameMember: "key",
    summaries: {
      list: "List enrichments",
      get: "Get an enrichment",
      put: "Create an enrichment, or change it with If-Match",
      delete: "Delete an enrichment",
    },
    answer: enrichmentAnswer,
    input: enrichmentInput,
    list: (principal) => routing.enrichments(principal),
    get: (principal, key) => routing.enrichment(principal, key),
    put: (principal, key, input, precondition) =>
      routing.putEnrichment(principal, { ...input, key }, precondition),
    delete: (principal, key, precondition) =>
      routing.deleteEnrichment(principal, key, precondition),
  });
}
