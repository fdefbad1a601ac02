import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Policy } from "../../../domain/identity/policy.ts";
import { callerOf } from "../auth.ts";
import { policyAnswer, policyInput, policyParams, regeneratePolicyInput } from "../schemas/hub.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Hub"];

/** The shared access policies with their keys, for callers whose policy has all four rights. Ours, not Azure's. */
export function policyRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { policies } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/policies",
      schema: {
        tags,
        summary: "List shared access policies",
        response: { 200: z.array(policyAnswer), ...errorAnswers },
      },
      handler: async (request) => (await policies.list(callerOf(request))).map(answerOf),
    });

    app.route({
      method: "GET",
      url: "/$hub/policies/:name",
      schema: {
        tags,
        summary: "Get a shared access policy",
        params: policyParams,
        response: { 200: policyAnswer, ...errorAnswers },
      },
      handler: async (request) =>
        answerOf(await policies.get(callerOf(request), request.params.name)),
    });

    app.route({
      method: "PUT",
      url: "/$hub/policies/:name",
      schema: {
        tags,
        summary: "Create a shared access policy or change its rights",
        params: policyParams,
        body: policyInput,
        response: { 200: policyAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const { rights, primaryKey, secondaryKey } = request.body;
        const input = {
          rights,
          primaryKey: primaryKey || undefined,
          secondaryKey: secondaryKey || undefined,
        };
        return answerOf(await policies.put(callerOf(request), request.params.name, input));
      },
    });

    app.route({
      method: "DELETE",
      url: "/$hub/policies/:name",
      schema: {
        tags,
        summary: "Delete a shared access policy",
        params: policyParams,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await policies.delete(callerOf(request), request.params.name);
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "POST",
      url: "/$hub/policies/:name/regenerate",
      schema: {
        tags,
        summary: "Give a shared access policy a new key; the old one ends at once",
        params: policyParams,
        body: regeneratePolicyInput,
        response: { 200: policyAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const { name } = request.params;
        return answerOf(await policies.regenerateKey(callerOf(request), name, request.body.key));
      },
    });
    done();
  };
}

function answerOf(policy: Policy): z.output<typeof policyAnswer> {
  const { name, rights, primaryKey, secondaryKey } = policy;
  return { name, rights: [...rights], primaryKey, secondaryKey };
}
