import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Readiness } from "../readiness.ts";

const readinessAnswer = z.object({
  status: z.enum(["ready", "unavailable"]),
  reasons: z.array(z.enum(["starting", "busy", "draining", "stopping", "store"])),
});

/** What everybody may read: whether the hub is well, and the description of its API. */
export function openRoutes(readiness: () => Promise<Readiness>): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/health",
      schema: {
        tags: ["Hub"],
        summary: "Tell that the process is alive and takes its turns",
        response: { 200: z.object({ status: z.literal("healthy") }) },
      },
      handler: async () => ({ status: "healthy" as const }),
    });

    app.route({
      method: "GET",
      url: "/ready",
      schema: {
        tags: ["Hub"],
        summary: "Tell whether the hub takes work: 503 with the reasons while it does not",
        response: { 200: readinessAnswer, 503: readinessAnswer },
      },
      handler: async (_request, reply) => {
        const answer = await readiness();
        return reply
          .code(answer.status === "ready" ? 200 : 503)
          .send({ ...answer, reasons: [...answer.reasons] });
      },
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
}
