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
import { visitorIsKnown } from "./visitors.ts";

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
  return proven(log, request, async () => {
    const credential = credentialOf(request);
    switch (credential.kind) {
      case "sas":
        return hub.auth.request(credential.token, path);
      case "certificate":
        return hub.auth.request(undefined, path, credential.certificate);
      case "nothing":
        return hub.auth.request(undefined, path);
    }
  });
}

/** Proves the device or module whose endpoint is called: by its own credential or a policy with DeviceConnect. */
export async function authenticateIdentity(
  hub: HubApi,
  log: Log,
  request: FastifyRequest,
  key: IdentityKey,
): Promise<IdentityPrincipal> {
  return proven(log, request, async () =>
    hub.auth.call({ key, credential: credentialOf(request) }),
  );
}

function credentialOf(request: FastifyRequest): Credential {
  const header = request.headers.authorization;
  if (header !== undefined) return { kind: "sas", token: parseSasToken(header) };
  if (request.sessionToken !== null) return { kind: "sas", token: request.sessionToken };
  const certificate = certificateOfCaller(request.raw.socket);
  return certificate === undefined ? { kind: "nothing" } : { kind: "certificate", certificate };
}

async function proven<T extends Principal>(
  log: Log,
  request: FastifyRequest,
  prove: () => Promise<T>,
): Promise<T> {
  try {
    const principal = await prove();
    visitorIsKnown(request.raw.socket);
    return principal;
  } catch (error) {
    if (!(error instanceof HubError) || error.name !== "IotHubUnauthorizedAccess") throw error;
    const path = decodedPath(request);
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

/** The device or module that calls its own endpoint. */
export function identityOf(request: FastifyRequest): IdentityPrincipal {
  const principal = callerOf(request);
  if (principal.kind === "identity") return principal;
  throw new Error(`${request.url} is served to a policy`);
}

/** The path of the request as text, `/twins/d1/modules/m1`. */
export function decodedPath(request: FastifyRequest): string {
  return decodeURIComponent(splitTarget(request.url).path);
}
