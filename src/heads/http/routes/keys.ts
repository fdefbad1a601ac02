import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import type { z } from "zod";
import type { RegeneratedKeys } from "../../../app/hub.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import { callerOf } from "../auth.ts";
import { regenerateAnswer, regenerateInput } from "../schemas/keys.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** New keys for up to 100 identities (spec/rest §8.5). */
export function keyRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/devices/keys/regenerate",
      schema: {
        tags: ["Devices"],
        summary: "Give identities new keys",
        querystring: apiQuery,
        body: regenerateInput,
        response: {
          200: regenerateAnswer,
          207: regenerateAnswer,
          400: regenerateAnswer,
          ...errorAnswers,
        },
      },
      handler: async (request, reply) => {
        const { policyKey, devices } = request.body;
        const keys = devices.map(keyOf);
        const result = await hub.identities.regenerateKeys(callerOf(request), policyKey, keys);
        const body = answerOf(policyKey, result);
        if (body.errors.length === 0) return body;
        if (body.rotatedKeys.length > 0) return reply.code(207).send(body);
        return reply
          .code(400)
          .header("iothub-errorcode", "BulkRegenerateDeviceKeyOperationFailure")
          .send(body);
      },
    });
    done();
  };
}

function keyOf(entry: z.output<typeof regenerateInput>["devices"][number]): IdentityKey {
  return { deviceId: entry.id, moduleId: entry.moduleId ?? undefined };
}

function answerOf(policyKey: string, result: RegeneratedKeys): z.output<typeof regenerateAnswer> {
  return {
    policyKey,
    rotatedKeys: result.rotated.map(({ key, primaryKey, secondaryKey }) => ({
      id: key.deviceId,
      moduleId: key.moduleId ?? null,
      primaryKey,
      secondaryKey,
    })),
    errors: result.errors.map(({ key, number, name }) => ({
      id: key.deviceId,
      moduleId: key.moduleId ?? null,
      errorCode: number,
      errorStatus: name,
    })),
  };
}
