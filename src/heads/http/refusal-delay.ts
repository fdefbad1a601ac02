import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../app/ports.ts";
import type { FailedLogins } from "../../app/strangers/failed-logins.ts";

export interface RefusalParts {
  readonly clock: Clock;
  readonly failedLogins: FailedLogins;
}

/** Refusals that wait at the same time; each is a request in flight, of which others need some. */
const maxWaiting = 100;

/**
 * Makes whoever shows wrong credentials again and again wait for the refusal, and connect anew for the next one; with
 * too many waiting already, only that. A request without credentials is no login.
 */
export class RefusalDelay {
  readonly #parts: RefusalParts;
  #waiting = 0;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  async wait(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { clock, failedLogins } = this.#parts;
    const claimed = claimOf(request);
    if (claimed === undefined) return;
    const { remoteAddress = "?", remotePort = 0 } = request.raw.socket;
    const delay = failedLogins.refused(`${remoteAddress}:${remotePort}`, claimed);
    if (delay === 0) return;
    reply.header("connection", "close");
    if (this.#waiting >= maxWaiting) return;
    this.#waiting += 1;
    await new Promise<void>((resolve) => void clock.after(delay, resolve));
    this.#waiting -= 1;
  }
}

/** Who the caller says that it is: a token's policy or resource; the portal for one-time codes. */
function claimOf({ headers, routeOptions, method }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined)
    return (
      /[ &]skn=([^&]{1,100})/.exec(authorization)?.[1] ??
      /[ &]sr=([^&]{1,250})/.exec(authorization)?.[1] ??
      ""
    );
  return method === "POST" && routeOptions.url === "/$hub/session" ? "portal" : undefined;
}
