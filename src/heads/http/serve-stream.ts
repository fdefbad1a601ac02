import type { FastifyReply, FastifyRequest } from "fastify";
import { authenticate } from "./auth.ts";
import { EventStream, type EventStreams, type Feed } from "./event-stream.ts";
import type { RouteParts } from "./routes/parts.ts";

/** Answers a request with server-sent events; resolves when the stream has ended. Check `streams.checkRoom()` before. */
export async function serveStream(
  { hub, clock, log, limits }: RouteParts,
  streams: EventStreams,
  request: FastifyRequest,
  reply: FastifyReply,
  source: {
    readonly feed: Feed;
    /** Tells when the feed may have something new; the returned function ends it. */
    readonly onChanged: (listener: () => void) => () => void;
  },
): Promise<void> {
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-ms-request-id": request.id,
  });
  const stream = new EventStream(reply.raw, {
    feed: source.feed,
    clock,
    log,
    limits,
    onAppended: source.onChanged,
    proveAgain: () => authenticate(hub, log, request),
  });
  await streams.run(stream);
}
