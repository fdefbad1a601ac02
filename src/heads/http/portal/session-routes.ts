import type { FastifyReply, FastifyRequest } from "fastify";
import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Clock } from "../../../app/ports.ts";
import type { PolicyPrincipal, Principal } from "../../../app/principal.ts";
import { HubError } from "../../../domain/errors.ts";
import type { SasToken } from "../../../domain/identity/credentials.ts";
import { parseSasToken } from "../../../wire/sas-token.ts";
import { authenticate } from "../auth.ts";
import { type RouteParts, errorAnswers } from "../routes/parts.ts";
import {
  checkSameOrigin,
  clearSessionCookie,
  portalHeader,
  sessionSecret,
  setSessionCookie,
} from "./cookie.ts";
import { type Sessions, linkPath } from "./sessions.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The token of the browser's session, if the request has a session and no credential of its own. */
    sessionToken: SasToken | null;
  }
}

export interface SessionParts extends RouteParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly caPem: string | undefined;
}

const tags = ["Portal"];

const sessionAnswer = z.object({
  policy: z.string(),
  rights: z.array(z.enum(["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"])),
  expires: z.string().describe("When the session ends at the latest, in UTC"),
  hubName: z.string(),
  hostName: z.string(),
});

const signInBody = z.object({
  code: z.string().max(128).optional().describe("The code of a one-time link"),
});

/** Read before the caller is known. Bytes. */
const signInBytes = 1024;

const codeAnswer = z.object({
  code: z.string(),
  path: z.string().describe("The link's path on this hub"),
  expires: z.string(),
});

/** Gives a request with a session the session's token; other credentials of the request come first. */
export function readSession(sessions: Sessions, request: FastifyRequest): void {
  if (request.headers.authorization !== undefined) return;
  const secret = sessionSecret(request);
  const session = secret === undefined ? undefined : sessions.find(secret);
  if (session === undefined) return;
  checkSameOrigin(request);
  request.sessionToken = session.token;
}

/** Signing in and out with a browser. Ours, not Azure's. */
export function sessionRoutes(parts: SessionParts): FastifyPluginCallbackZod {
  const { hub, log, sessions } = parts;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/session",
      schema: {
        tags,
        summary: "Tell who the browser's session is; 204 if there is none",
        response: { 200: sessionAnswer, 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const caller = await sessionCaller(parts, request);
        if (caller === undefined) return reply.code(204).send(undefined);
        const ends = sessions.find(sessionSecret(request) ?? "")?.ends ?? parts.clock.now();
        return answerOf(parts, caller, ends);
      },
    });

    app.route({
      method: "POST",
      url: "/$hub/session",
      bodyLimit: signInBytes,
      schema: {
        tags,
        summary: "Sign in with a policy's token or with the code of a one-time link",
        body: signInBody,
        response: { 200: sessionAnswer, ...errorAnswers },
      },
      handler: (request, reply) => signIn(parts, request, reply, request.body.code),
    });

    app.route({
      method: "DELETE",
      url: "/$hub/session",
      schema: { tags, summary: "Sign out", response: { 204: z.undefined(), ...errorAnswers } },
      handler: async (request, reply) => {
        checkSameOrigin(request);
        const secret = sessionSecret(request);
        if (secret !== undefined) sessions.close(secret);
        clearSessionCookie(request, reply);
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "POST",
      url: "/$hub/session/code",
      schema: {
        tags,
        summary: "Make a one-time sign-in link with the caller's own rights",
        response: { 200: codeAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        policyOf(await authenticate(hub, log, request));
        const code = sessions.issueCode(tokenOf(request));
        const expires = new Date(code.ends).toISOString();
        return { code: code.secret, path: linkPath(code.secret), expires };
      },
    });
    app.route({
      method: "GET",
      url: "/$hub/ca.pem",
      schema: {
        tags,
        summary: "Get the certificate that clients have to trust",
        response: { 200: z.string().describe("PEM"), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await authenticate(hub, log, request);
        if (!parts.caPem) throw new HubError("GenericNotFound", "The hub has no CA of its own");
        return reply.type("application/x-pem-file").serializer(String).send(parts.caPem);
      },
    });
    done();
  };
}

/** A session whose policy or key has gone is none. */
async function sessionCaller(
  { hub }: SessionParts,
  request: FastifyRequest,
): Promise<PolicyPrincipal | undefined> {
  if (request.sessionToken === null) return undefined;
  try {
    return policyOf(await hub.auth.request(request.sessionToken, "/"));
  } catch (error) {
    if (error instanceof HubError && error.name === "IotHubUnauthorizedAccess") return undefined;
    throw error;
  }
}

async function signIn(
  parts: SessionParts,
  request: FastifyRequest,
  reply: FastifyReply,
  code: string | undefined,
): Promise<z.output<typeof sessionAnswer>> {
  // Whoever lets a browser sign in without its user's doing would make the user work for somebody else.
  if (request.headers[portalHeader] === undefined) throw refused();
  checkSameOrigin(request);
  const token = code === undefined ? tokenOf(request) : parts.sessions.redeem(code);
  if (token === undefined) throw refused();
  const caller = await prove(parts, token);
  const { secret, ends } = parts.sessions.open(token);
  setSessionCookie(request, reply, secret, ends - parts.clock.now());
  return answerOf(parts, caller, ends);
}

/** Sessions reach every path: a token whose audience covers less opens none. */
async function prove({ hub, log }: SessionParts, token: SasToken): Promise<PolicyPrincipal> {
  try {
    return policyOf(await hub.auth.request(token, "/"));
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    log.debug({ reason: error.message }, "sign-in refused");
    throw refused();
  }
}

function tokenOf(request: FastifyRequest): SasToken {
  const header = request.headers.authorization;
  if (header !== undefined) return parseSasToken(header);
  if (request.sessionToken !== null) return request.sessionToken;
  throw refused();
}

function policyOf(principal: Principal): PolicyPrincipal {
  if (principal.kind === "policy") return principal;
  throw refused();
}

function answerOf(
  { hub }: SessionParts,
  { policy, rights }: PolicyPrincipal,
  ends: number,
): z.output<typeof sessionAnswer> {
  return {
    policy,
    rights: [...rights],
    expires: new Date(ends).toISOString(),
    hubName: hub.hubName,
    hostName: hub.hostNames[0] ?? "localhost",
  };
}

function refused(): HubError {
  return new HubError("IotHubUnauthorizedAccess", "Unauthorized");
}
