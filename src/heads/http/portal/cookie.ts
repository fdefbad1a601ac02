import type { FastifyReply, FastifyRequest } from "fastify";
import { HubError } from "../../../domain/errors.ts";
import type { Milliseconds } from "../../../domain/time.ts";

/** Writes with a session need this header: a form or a link of another site can't set it. */
export const portalHeader = "x-twinhub-portal";

/**
 * The secret that the browser sent with the request. The name holds the port, because cookies do not tell the
 * ports of one host apart, and several hubs may run there.
 */
export function sessionSecret(request: FastifyRequest): string | undefined {
  const name = `${cookieName(request)}=`;
  const cookies = (request.headers.cookie ?? "").split(";").map((text) => text.trim());
  return cookies.find((text) => text.startsWith(name))?.slice(name.length) || undefined;
}

export function setSessionCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  secret: string,
  lifetime: Milliseconds,
): void {
  const seconds = Math.max(0, Math.floor(lifetime / 1000));
  reply.header(
    "set-cookie",
    `${cookieName(request)}=${secret}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Strict`,
  );
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  setSessionCookie(request, reply, "", 0);
}

/**
 * Refuses what another site may have caused: a write without the portal's own header, or with the Origin of another
 * page. SameSite alone takes other ports of this host for the same site.
 */
export function checkSameOrigin(request: FastifyRequest): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const { origin, host } = request.headers;
  const own = origin === undefined || origin === `https://${host}`;
  if (own && request.headers[portalHeader] !== undefined) return;
  throw new HubError("IotHubUnauthorizedAccess", "Unauthorized");
}

function cookieName(request: FastifyRequest): string {
  const port = /:(\d+)$/.exec(request.headers.host ?? "")?.[1] ?? "443";
  return `__Host-twinhub-${port}`;
}
