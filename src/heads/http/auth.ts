import type { Socket } from "node:net";
import type { FastifyRequest } from "fastify";
import type { HubApi } from "../../app/hub.ts";
import type { Log } from "../../app/ports.ts";
import type { IdentityPrincipal, Principal } from "../../app/principal.ts";
import { HubError } from "../../domain/errors.ts";
import type { Credential, SasToken } from "../../domain/identity/credentials.ts";
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
  return proven(log, askedBy(request), async () => {
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
  return proven(log, askedBy(request), async () =>
    hub.auth.call({ key, credential: credentialOf(request) }),
  );
}

function credentialOf(request: FastifyRequest): Credential {
  const header = request.headers.authorization;
  if (header !== undefined) return { kind: "sas", token: tokenOf(request.raw.socket, header) };
  if (request.sessionToken !== null) return { kind: "sas", token: request.sessionToken };
  const certificate = certificateOfCaller(request.raw.socket);
  return certificate === undefined ? { kind: "nothing" } : { kind: "certificate", certificate };
}

const lastTokens = new WeakMap<Socket, { readonly header: string; readonly token: SasToken }>();

/** The token of an Authorization header. Most connections show the same one with each request: it is read once. */
export function tokenOf(socket: Socket, header: string): SasToken {
  const last = lastTokens.get(socket);
  if (last?.header === header) return last.token;
  const token = parseSasToken(header);
  lastTokens.set(socket, { header, token });
  return token;
}

/** A request as far as its caller's proof goes. */
export interface Asked {
  readonly id: string;
  readonly socket: Socket;
  /** Decoded, without query. */
  path(): string;
}

function askedBy(request: FastifyRequest): Asked {
  return { id: request.id, socket: request.raw.socket, path: () => decodedPath(request) };
}

/** Runs a proof: the reason of a refusal goes to the log, and its caller is told no more than that. */
export async function proven<T extends Principal>(
  log: Log,
  asked: Asked,
  prove: () => Promise<T>,
): Promise<T> {
  try {
    const principal = await prove();
    visitorIsKnown(asked.socket);
    return principal;
  } catch (error) {
    if (!(error instanceof HubError) || error.name !== "IotHubUnauthorizedAccess") throw error;
    const fields = { requestId: asked.id, path: asked.path(), reason: error.message };
    log.debug(fields, "request refused");
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
