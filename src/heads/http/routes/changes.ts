import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { argumentInvalid } from "../../../domain/errors.ts";
import { callerOf } from "../auth.ts";
import { ChangeFeed, LiveQueryFeed } from "../change-feed.ts";
import type { EventStreams } from "../event-stream.ts";
import { changesAnswer, changesQuery, liveQuery } from "../schemas/query.ts";
import { serveStream } from "../serve-stream.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** What twins and identities have become: as pages, as a stream, and as a query that stays open. Ours, not Azure's. */
export function changeRoutes(parts: RouteParts, streams: EventStreams): FastifyPluginCallbackZod {
  const { changes, queries } = parts.hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/changes",
      exposeHeadRoute: false,
      schema: {
        tags: ["Changes"],
        summary:
          "Changes of twins and identities in commit order: JSON pages, or server-sent events if accepted",
        querystring: changesQuery,
        response: { 200: changesAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const caller = callerOf(request);
        const { where, limit } = request.query;
        const streaming = request.headers.accept?.includes("text/event-stream") === true;
        const resumed = request.raw.headers["last-event-id"];
        const asked =
          (typeof resumed === "string" && resumed) ||
          request.query.after ||
          (streaming ? "latest" : "0");
        const newest = await changes.last(caller);
        const after = asked === "latest" ? newest : sequence("after", asked);
        const condition = where || undefined;
        if (!streaming) {
          const size = limit ? sequence("limit", limit) : 100;
          const page = await changes.read(caller, after, size, condition);
          return { changes: page.changes.map(({ body }) => ({ ...body })), last: page.last };
        }
        // Read once, so that a bad condition or position is an error answer and not a stream.
        await changes.read(caller, after, 1, condition);
        streams.checkRoom();
        await serveStream(parts, streams, request, reply, {
          feed: new ChangeFeed(changes, caller, after, condition),
          onChanged: (listener) => changes.onCommitted(listener),
        });
        return reply;
      },
    });

    app.route({
      method: "GET",
      url: "/$hub/live-query",
      exposeHeadRoute: false,
      schema: {
        tags: ["Changes"],
        summary: "A query as a subscription: server-sent events enter, ready, change and leave",
        querystring: liveQuery,
        response: { 200: z.string(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const live = await queries.live(callerOf(request), request.query.query ?? "");
        streams.checkRoom();
        await serveStream(parts, streams, request, reply, {
          feed: new LiveQueryFeed(live),
          onChanged: (listener) => changes.onCommitted(listener),
        });
        return reply;
      },
    });
    done();
  };
}

function sequence(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw argumentInvalid(
    `${name} must be a number, not '${text.slice(0, 40).replaceAll(";", " ")}'`,
  );
}
