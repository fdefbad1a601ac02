import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { callerOf } from "../auth.ts";
import { bulkAnswer, bulkEntry, bulkInput } from "../schemas/bulk.ts";
import { apiQuery } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

/** Many identities at once (spec/rest §8.3). */
export function bulkRoutes({ hub, limits }: RouteParts): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/devices",
      bodyLimit: limits.bulkBodyBytes,
      schema: {
        tags: ["Devices"],
        summary: "Create, update and delete up to 100 devices and modules",
        querystring: apiQuery,
        body: bulkInput,
        response: { 200: bulkAnswer, 400: bulkAnswer, ...errorAnswers },
      },
      handler: async (request, reply) => {
        const result = await hub.identities.bulk(callerOf(request), request.body.map(bulkEntry));
        const body = { ...result, errors: [...result.errors], warnings: [...result.warnings] };
        if (body.isSuccessful) return body;
        // Two headers: .NET reads the body as a result only if the second is there.
        return reply
          .code(400)
          .header("iothub-errorcode", "BulkRegistryOperationFailure")
          .header("IotHubErrorCode", "BulkRegistryOperationFailure")
          .send(body);
      },
    });
    done();
  };
}
