import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";

/** What everybody may read: whether the hub is well, and the description of its API. */
export const openRoutes: FastifyPluginCallbackZod = (app, _options, done) => {
  app.route({
    method: "GET",
    url: "/health",
    schema: {
      tags: ["Hub"],
      summary: "Tell whether the hub is ready: 503 while it is not",
      response: { 200: z.object({ status: z.literal("healthy") }) },
    },
    handler: async () => ({ status: "healthy" as const }),
  });

  let description: string | undefined;
  app.route({
    method: "GET",
    url: "/openapi.json",
    schema: { hide: true },
    handler: async (_request, reply) => {
      description ??= JSON.stringify(app.swagger());
      return reply.type("application/json; charset=utf-8").send(description);
    },
  });
  done();
};
