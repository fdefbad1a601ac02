import type { FastifyRequest } from "fastify";
import type { HubApi } from "../../app/hub.ts";
import type { Log } from "../../app/ports.ts";
import type { IdentityPrincipal, Principal } from "../../app/principal.ts";
import { HubError } from "../../domain/errors.ts";
import type { Credential } from "../../domain/identity/credentials.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { parseSasToken } from "../../wire/sas-token.ts";
import { splitTarget } from "./paths.ts";
import { certificateOfCaller } from "./peer.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the hook that proves the caller; `null` on routes that are open to all. */
    principal: Principal | null;
  }
}

/**
 * Proves the caller by its Authorization header or, without one, by the certificate of its TLS connection. Whatever
 * is wrong, the answer is the same 401; the reason goes to the log only (spec/rest §5.6, §9.1).
 */
export async function authenticate(
  hub: HubApi,
  log: Log,
  request: FastifyRequest,
): Promise<Principal> {
  return authenticateFor(hub, log, request, decodedPath(request));
}

/** The same for another path than the request's own: ids that were encoded twice (spec/rest §3.1 rule 6). */
export async function authenticateFor(
  hub: HubApi,
  log: Log,
  request: FastifyRequest,
  path: string,
): Promise<Principal> {
  try {
    const header = request.headers.authorization;
    return await hub.auth.request(header === undefined ? (request.sessionToken ?? undefined) : parseSasToken(header), path);
  } catch (error) {
    if (!(error instanceof HubError) || error.name !== "IotHubUnauthorizedAccess") throw error;
    log.debug({ requestId: request.id, path, reason: error.message }, "request refused");
    throw new HubError("IotHubUnauthorizedAccess", "Unauthorized");
  }
}

/** The proven caller. A route outside the protected part has none: that would be a bug. */
export function callerOf(request: FastifyRequest): Principal {
  if (request.principal === null)
    throw new Error(`${request.url} is served without authentication`);
  return request.principal;
}

/** The path of the request as text, `/twins/d1/modules/m1`. */
export function decodedPath(request: FastifyRequest): string {
  return decodeURIComponent(splitTarget(request.url).path);
}
    const path = decodedPath(request);
/** The device or module that calls its own endpoint. */
export function identityOf(request: FastifyRequest): IdentityPrincipal {
  const principal = callerOf(request);
  if (principal.kind === "identity") return principal;
  throw new Error(`${request.url} is served to a policy`);
}

