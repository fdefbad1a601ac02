import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { callerOf } from "../auth.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const throttle = z.object({
  name: z.string(),
  perSecond: z.number().describe("operations, for methods bytes"),
  admitted: z.number(),
  delayed: z.number().describe("had to wait, or would have had to"),
  refused: z.number().describe("were refused, or would have been"),
  waiting: z.number(),
  peakPerSecond: z.number(),
});

const throttlingAnswer = z.object({
  mode: z.enum(["off", "observe", "enforce"]),
  limits: z.string().nullable().describe("the tier and its units"),
  throttles: z.array(throttle),
  quota: z
    .object({
      perDay: z.number(),
      meterBytes: z.number(),
      used: z.number(),
      refused: z.number(),
      resetsAt: z.string(),
    })
    .nullable(),
});

/** What the hub throttles and has throttled since its start. Ours, not Azure's. */
export function throttlingRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/throttling",
      schema: {
        tags: ["Throttling"],
        summary: "Limits and what came up against them; needs RegistryRead or ServiceConnect",
        response: { 200: throttlingAnswer, ...errorAnswers },
      },
      handler: async (request) => throttlingAnswer.parse(hub.throttling.view(callerOf(request))),
    });
    done();
  };
}
