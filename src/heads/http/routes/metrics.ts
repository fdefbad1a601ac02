import type { FastifyReply, FastifyRequest } from "fastify";
import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { demand } from "../../../app/principal.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import { authenticate } from "../auth.ts";
import type { RouteParts } from "./parts.ts";

/** What the hub counts, as text for Prometheus. */
export type ReadMetrics = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** A token that stands for a name and key is used at once; seconds. */
const tokenLifetime = 60;

/**
 * Metrics for operators: a policy with RegistryRead or ServiceConnect, shown by a token (as `SharedAccessSignature …` or as
 * `Bearer SharedAccessSignature …`) or, for scrapers that know no tokens, by its name and key as Basic.
 */
export function metricsRoutes(parts: RouteParts, read: ReadMetrics): FastifyPluginCallbackZod {
  const { hub, log, clock } = parts;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/metrics",
      schema: { hide: true },
      onRequest: async (request) => {
        const resource = hub.hostNames[0] ?? hub.hubName;
        const expiry = Math.floor(clock.now() / 1000) + tokenLifetime;
        useToken(request, (policy, key) => createSasToken({ resource, key, expiry, policy }));
        demand(await authenticate(hub, log, request), "RegistryRead", "ServiceConnect");
      },
      handler: async (_request, reply: FastifyReply) => {
        const { contentType, text } = await read();
        return reply
          .type(contentType)
          .serializer((body: unknown) => String(body))
          .send(text);
      },
    });
    done();
  };
}

/** Puts a token in the place of what scrapers send. */
function useToken(request: FastifyRequest, tokenOf: (policy: string, key: string) => string): void {
  const { authorization } = request.headers;
  const [, scheme = "", value = ""] = /^(Basic|Bearer) +(.*)$/i.exec(authorization ?? "") ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      request.headers.authorization = value;
      return;
    case "basic": {
      const text = Buffer.from(value, "base64").toString("utf8");
      const colon = text.indexOf(":");
      const [policy, key] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
      request.headers.authorization = tokenOf(policy, key);
      return;
    }
  }
}
