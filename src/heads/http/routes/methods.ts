import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from "fastify";
import type { Principal } from "../../../app/principal.ts";
import { denied } from "../../../app/principal.ts";
import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../../domain/identity/key.ts";
import { type Json, type JsonObject, isObject } from "../../../domain/json.ts";
import { callerOf } from "../auth.ts";
import { bodyText, validatorCompiler } from "../body.ts";
import { callerHeader, methodAnswer, methodInput } from "../schemas/methods.ts";
import { apiQuery, deviceParams, moduleParams } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** `b`: what goes wrong after the caller was proven is told as direct methods do (spec/rest §7.1). */
    errorForm?: "b";
  }
}

/** Direct methods of devices and of modules (spec/rest §8.8, §9.5). */
export function methodRoutes(parts: RouteParts): FastifyPluginCallback {
  return (app, _options, done) => {
    addMethods(app, parts, "/twins/:deviceId/methods", deviceParams);
    addMethods(app, parts, "/twins/:deviceId/modules/:moduleId/methods", moduleParams);
    done();
  };
}

interface MethodRequest {
  readonly Params: IdentityKey;
  readonly Body: JsonObject;
}

function addMethods(
  app: FastifyInstance,
  { hub, limits }: RouteParts,
  url: string,
  params: typeof deviceParams | typeof moduleParams,
): void {
  app.route<MethodRequest>({
    method: "POST",
    url,
    bodyLimit: limits.methodBodyBytes,
    config: { errorForm: "b" },
    validatorCompiler: validatorCompiler((_schema, raw) => readBody(raw)),
    schema: {
      tags: ["Methods"],
      summary: "Call a direct method and wait for its answer",
      params,
      querystring: apiQuery,
      headers: callerHeader,
      body: methodInput,
      response: { 200: methodAnswer, ...errorAnswers },
    },
    handler: async (request) => {
      const caller = callerOf(request);
      checkCallerHeader(request, caller);
      const { status, payload } = await hub.methods.invoke(
        caller,
        request.params,
        request.body,
        request.arrived,
      );
      return { status, payload };
    },
  });
}

/** A body that is no JSON object is as wrong an argument as any other (spec/rest §8.8). */
function readBody(raw: unknown): JsonObject {
  try {
    const body: unknown = JSON.parse(bodyText(raw));
    if (isObject(body as Json)) return body as JsonObject;
  } catch (error) {
    if (error instanceof HubError && error.name === "ArgumentNull") throw error;
  }
  throw argumentInvalid("The body of a direct method must be a JSON object");
}

/** A module names itself; services need not, and what they say there does not count (spec/rest §9.5). */
function checkCallerHeader(request: FastifyRequest<MethodRequest>, caller: Principal): void {
  if (caller.kind === "policy") return;
  const header = request.headers["x-ms-edge-moduleid"];
  if (typeof header !== "string" || !/^[^/]+\/[^/]+$/.test(header))
    throw argumentInvalid("x-ms-edge-moduleId must name the calling module as device/module");
  const own = keyText(caller.key);
  if (header !== own && decoded(header) !== own)
    throw denied("x-ms-edge-moduleId is not the module whose credential this is");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
