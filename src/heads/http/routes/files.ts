import type { FastifyPluginCallback, FastifyRequest } from "fastify";
import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { HubError } from "../../../domain/errors.ts";
import { readIsSuccess } from "../../../domain/files/upload.ts";
import { identityOf } from "../auth.ts";
import {
  correlationParams,
  uploadInput,
  uploadReportInput,
  uploadTicket,
} from "../schemas/files.ts";
import { apiQuery, deviceParams } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["File upload"];
const notifications = "/devices/:deviceId/files/notifications";

/** File upload of devices: begin one, and report how it ended, in both forms (spec/rest §9.4). */
export function fileRoutes({ hub }: RouteParts): FastifyPluginCallback {
  const { files } = hub;
  const routes: FastifyPluginCallbackZod = (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/devices/:deviceId/files",
      schema: {
        tags,
        summary:
          "Begin an upload; the answer says where the file goes and holds the right to write it",
        params: deviceParams,
        querystring: apiQuery,
        body: uploadInput,
        response: { 200: uploadTicket, ...errorAnswers },
      },
      handler: async (request) => {
        const ticket = await files.start(
          identityOf(request),
          request.body.blobName,
          hostOf(request),
        );
        return { ...ticket };
      },
    });

    const reported = {
      tags,
      querystring: apiQuery,
      body: uploadReportInput,
      response: { 204: z.undefined(), ...errorAnswers },
    };
    app.route({
      method: "POST",
      url: notifications,
      schema: { ...reported, params: deviceParams, summary: "Report the end of an upload" },
      handler: async (request, reply) => {
        await report(request, request.body.correlationId ?? "", request.body.isSuccess);
        return reply.code(204).send(undefined);
      },
    });
    app.route({
      method: "POST",
      url: `${notifications}/:correlationId`,
      schema: {
        ...reported,
        params: correlationParams,
        summary: "Report the end of an upload, in the older form",
      },
      handler: async (request, reply) => {
        await report(request, request.params.correlationId, request.body.isSuccess);
        return reply.code(204).send(undefined);
      },
    });
    done();
  };

  async function report(
    request: FastifyRequest,
    correlationId: string,
    isSuccess: unknown,
  ): Promise<void> {
    const read = { correlationId, isSuccess: readIsSuccess(isSuccess) };
    await files.finish(identityOf(request), read);
  }
  return routes;
}

/** The host under which the caller has reached the hub, which has been checked to be its own: it can do so again. */
function hostOf(request: FastifyRequest): string {
  const { host } = request.headers;
  if (host !== undefined) return host.replace(/:443$/, "");
  throw new HubError("ArgumentInvalid", "The request needs a Host header");
}
