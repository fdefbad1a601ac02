import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Policy } from "../../../domain/identity/policy.ts";
import { callerOf } from "../auth.ts";
import { policyAnswer, policyParams } from "../schemas/hub.ts";
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
    done();
  };
}

function answerOf(policy: Policy): z.output<typeof policyAnswer> {
  const { name, rights, primaryKey, secondaryKey } = policy;
  return { name, rights: [...rights], primaryKey, secondaryKey };
}
