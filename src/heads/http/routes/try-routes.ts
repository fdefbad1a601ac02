import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import type { z } from "zod";
import { callerOf } from "../auth.ts";
import {
  testAllRoutesAnswer,
  testAllRoutesInput,
  testRouteAnswer,
  testRouteInput,
} from "../schemas/routing.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Routing"];

/** Trying routes with a message, in the shapes of Azure's management API; for ServiceConnect. */
export function tryRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { routing } = hub;
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/$hub/routes/test",
      schema: {
        tags,
        summary: "Tell whether a route matches a message, or where its condition does not compile",
        body: testRouteInput,
        response: { 200: testRouteAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const { route, ...input } = request.body;
        const tried = { source: route.source, condition: route.condition ?? "" };
        const { result, details } = await routing.test(
          callerOf(request),
          tried,
          messageOf(input),
          twinOf(input),
        );
        const compilationErrors = details.compilationErrors.map((error) => ({ ...error }));
        return { result, details: { compilationErrors } };
      },
    });
    app.route({
      method: "POST",
      url: "/$hub/routes/test/all",
      schema: {
        tags,
        summary: "Tell which of the hub's enabled routes match a message",
        body: testAllRoutesInput,
        response: { 200: testAllRoutesAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const { routingSource, ...input } = request.body;
        const routes = await routing.testAll(
          callerOf(request),
          routingSource,
          messageOf(input),
          twinOf(input),
        );
        return {
          routes: routes.map(({ name, source, condition, endpointNames, isEnabled }) => ({
            properties: {
              name,
              source,
              condition,
              endpointNames: [...endpointNames],
              isEnabled,
            },
          })),
        };
      },
    });
    done();
  };
}

type Tried = Pick<z.output<typeof testRouteInput>, "message" | "twin">;

function messageOf({ message }: Tried) {
  return {
    body: message?.body ?? undefined,
    appProperties: message?.appProperties ?? undefined,
    systemProperties: message?.systemProperties ?? undefined,
  };
}

function twinOf({ twin }: Tried) {
  if (twin == null) return undefined;
  const { tags: given, properties } = twin;
  return {
    tags: given ?? undefined,
    properties: {
      desired: properties?.desired ?? undefined,
      reported: properties?.reported ?? undefined,
    },
  };
}
