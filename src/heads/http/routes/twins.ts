import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import type { TwinResource } from "../../../app/twins/twin-resource.ts";
import { parsePrecondition } from "../../../domain/identity/etag.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import { readAddressed } from "../address.ts";
import { callerOf } from "../auth.ts";
import { bodyText, validatorCompiler } from "../body.ts";
import { apiQuery, deviceParams, ifMatchHeader, moduleParams } from "../schemas/shared.ts";
import { twinAnswer, twinInput } from "../schemas/twin.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** Twins of devices and modules: the same routes at two addresses (spec/rest §8.6). */
export function twinRoutes(parts: RouteParts): FastifyPluginCallback {
  return (app, _options, done) => {
    addTwin(app, parts, "/twins/:deviceId", deviceParams);
    addTwin(app, parts, "/twins/:deviceId/modules/:moduleId", moduleParams);
    done();
  };
}

/** The twin rules read the body themselves. */
const twinValidator = validatorCompiler((_schema, raw) => parseTwinObject(bodyText(raw)));

interface TwinRequest {
  readonly Params: IdentityKey;
  readonly Body: JsonObject;
}

function addTwin(
  app: FastifyInstance,
  parts: RouteParts,
  url: string,
  params: typeof deviceParams | typeof moduleParams,
): void {
  const { twins } = parts.hub;
  const read = {
    tags: ["Twins"],
    params,
    querystring: apiQuery,
    response: { 200: twinAnswer, ...errorAnswers },
  };
  const write = { ...read, headers: ifMatchHeader, body: twinInput };
  const bodyLimit = parts.limits.twinBodyBytes;

  app.route<TwinRequest>({
    method: "GET",
    url,
    schema: { ...read, summary: "Get a twin" },
    handler: async (request, reply) =>
      answer(
        reply,
        await readAddressed(parts, request, request.params, (...args) => twins.get(...args)),
      ),
  });

  app.route<TwinRequest>({
    method: "PATCH",
    url,
    bodyLimit,
    validatorCompiler: twinValidator,
    schema: { ...write, summary: "Merge tags and desired properties" },
    handler: async (request, reply) => answer(reply, await twins.patch(...argumentsOf(request))),
  });

  app.route<TwinRequest>({
    method: "PUT",
    url,
    bodyLimit,
    validatorCompiler: twinValidator,
    schema: { ...write, summary: "Replace tags and desired properties" },
    handler: async (request, reply) => answer(reply, await twins.replace(...argumentsOf(request))),
  });
}

/** The text as the hub has it: for its type the framework leaves it alone. */
function answer(reply: FastifyReply, { etag, text }: TwinResource): FastifyReply {
  return reply
    .header("etag", `"${etag}"`)
    .header("content-type", "application/json; charset=utf-8")
    .send(text);
}

function argumentsOf(request: FastifyRequest<TwinRequest>) {
  const precondition = parsePrecondition(request.headers["if-match"]);
  return [callerOf(request), request.params, request.body, precondition] as const;
}
