import type { FastifyInstance } from "fastify";

/** Runs `next` as part of what the headers name. */
export type ContinueFrom = (headers: object, next: () => void) => void;

/** Follows the caller's trace: from the first hook on, and again once the body is there, because reading it forgets the caller. */
export function addTraceContext(app: FastifyInstance, continueFrom: ContinueFrom): void {
  app.addHook("onRequest", (request, _reply, next) => continueFrom(request.headers, next));
  app.addHook("preValidation", (request, _reply, next) => continueFrom(request.headers, next));
}
