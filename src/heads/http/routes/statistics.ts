import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { callerOf } from "../auth.ts";
import { deviceStatistics, serviceStatistics } from "../schemas/hub.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const shared = { tags: ["Statistics"], querystring: apiQuery };

/** Counts of devices; modules are not counted (spec/rest §8.9). */
export function statisticsRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { identities } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/statistics/devices",
      schema: {
        ...shared,
        summary: "Count devices by status",
        response: { 200: deviceStatistics, ...errorAnswers },
      },
      handler: async (request) => {
        const { total, enabled, disabled } = await identities.statistics(callerOf(request));
        return {
          totalDeviceCount: total,
          enabledDeviceCount: enabled,
          disabledDeviceCount: disabled,
        };
      },
    });

    app.route({
      method: "GET",
      url: "/statistics/service",
      schema: {
        ...shared,
        summary: "Count connected devices",
        response: { 200: serviceStatistics, ...errorAnswers },
      },
      handler: async (request) => ({
        connectedDeviceCount: await identities.connectedDevices(callerOf(request)),
      }),
    });
    done();
  };
}
