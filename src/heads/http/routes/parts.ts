import type { FastifyReply } from "fastify";
import type { HubApi, Resource } from "../../../app/hub.ts";
import type { Clock, Log } from "../../../app/ports.ts";
import { type Precondition, parsePrecondition } from "../../../domain/identity/etag.ts";
import type { SendFaults } from "../faults.ts";
import type { HttpLimits } from "../limits.ts";
import { errorAnswer } from "../schemas/shared.ts";

/** What every file of routes is made of. */
export interface RouteParts {
  readonly hub: HubApi;
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: HttpLimits;
  readonly faults: SendFaults;
}

/** The published error answers, beside a route's own. */
export const errorAnswers = { "4xx": errorAnswer, "5xx": errorAnswer } as const;

/** Sets the ETag header: the document's own etag in quotes, on every answer that shows a resource (spec/rest §3.5). */
export function tagged(reply: Pick<FastifyReply, "header">, resource: Resource): Resource["body"] {
  reply.header("etag", `"${resource.etag}"`);
  return resource.body;
}

/** What a write asks of the document that stands; refuses a malformed If-Match (spec/rest §3.5). */
export function preconditionOf(request: {
  readonly headers: { readonly "if-match"?: string | undefined };
}): Precondition {
  return parsePrecondition(request.headers["if-match"]);
}
