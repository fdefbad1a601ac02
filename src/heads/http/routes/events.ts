import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { builtInEndpoint } from "../../../domain/routing/route.ts";
import { callerOf } from "../auth.ts";
import { EventFeed, startPosition } from "../event-feed.ts";
import { EventPace } from "../event-pace.ts";
import type { EventStreams } from "../event-stream.ts";
import { serveStream } from "../serve-stream.ts";
import { optionalText } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** Names are lower-case: queries are read without regard to case. */
const eventsQuery = z.object({
  from: optionalText.describe(
    "earliest, latest (default), a time such as 2026-05-01T10:00:00Z, or the id of an event",
  ),
  deviceid: optionalText.describe("deviceId: only messages of this device and its modules"),
  moduleid: optionalText.describe("moduleId: only messages of this module"),
  endpoint: optionalText.describe(
    "an endpoint of type log; the built-in one, events, unless given",
  ),
  source: optionalText.describe("Telemetry, twinChangeEvents …, in any case"),
  rate: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, "rate must be a whole number from 1 to 999999")
    .optional()
    .describe(
      "messages a second at the most; others are left out, and events `position` count them",
    ),
});

const eventsHeaders = z.object({
  "last-event-id": z.string().optional().describe("goes before `from`: where to resume"),
});

/** The event log live, as server-sent events; for ServiceConnect. Ours, not Azure's. */
export function eventRoutes(parts: RouteParts, streams: EventStreams): FastifyPluginCallbackZod {
  const { hub } = parts;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/events",
      exposeHeadRoute: false,
      schema: {
        tags: ["Events"],
        summary: "Stream messages from devices and modules as server-sent events",
        querystring: eventsQuery,
        headers: eventsHeaders,
        response: {
          200: z.string().describe("text/event-stream; each event's data is one message"),
          ...errorAnswers,
        },
      },
      handler: async (request, reply) => {
        const caller = callerOf(request);
        const { from, deviceid, moduleid, source, rate, endpoint } = request.query;
        const { events, consumerGroups } = await hub.eventSource(
          caller,
          endpoint || builtInEndpoint,
        );
        const partitions = await events.partitions(caller);
        const resumed = request.raw.headers["last-event-id"];
        const begin = (typeof resumed === "string" && resumed) || from || "latest";
        const position = await startPosition(events, caller, partitions, begin);
        streams.checkRoom();
        const filter = {
          deviceId: deviceid || undefined,
          moduleId: moduleid || undefined,
          source: source || undefined,
        };
        await serveStream(parts, streams, request, reply, {
          feed: new EventFeed(events, caller, {
            filter,
            position,
            pace: rate === undefined ? undefined : new EventPace(parts.clock, Number(rate)),
          }),
          onChanged: (listener) => {
            const forget = [
              events.onAppended(listener),
              // So do an endpoint's go with it.
              consumerGroups.onDeleted(listener),
            ];
            return () => forget.forEach((one) => one());
          },
        });
      },
    });
    done();
  };
}
