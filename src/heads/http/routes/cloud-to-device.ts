import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { NewCloudToDevice } from "../../../domain/messages/c2d-queue.ts";
import { readAddressed } from "../address.ts";
import { callerOf } from "../auth.ts";
import { bodyBytes, validatorCompiler } from "../body.ts";
import { headerPairs, readAck, readExpiry, readMessageHeaders } from "../message-headers.ts";
import {
  cloudToDeviceHeaders,
  feedbackAnswer,
  feedbackLockParams,
  messageBody,
  purgeAnswer,
} from "../schemas/messages.ts";
import { apiQuery, deviceParams } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Messages to devices"];
const feedback = "/messages/serviceBound/feedback";

/** What a service does with messages to devices: send, purge, hear of their ends (spec/rest §8.10). */
export function cloudToDeviceRoutes(parts: RouteParts): FastifyPluginCallbackZod {
  const { cloudToDevice, serviceMessages } = parts.hub;
  return (app, _options, done) => {
    app.route({
      method: "POST",
      url: "/devices/:deviceId/messages/deviceBound",
      bodyLimit: parts.limits.cloudToDeviceBodyBytes,
      validatorCompiler: validatorCompiler((_schema, raw) => bodyBytes(raw)),
      schema: {
        tags,
        summary: "Send a message to a device",
        params: deviceParams,
        querystring: apiQuery,
        headers: cloudToDeviceHeaders,
        consumes: ["application/octet-stream"],
        body: messageBody,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { system, application, ack } = readMessageHeaders(headerPairs(request.raw));
        const { expiryTimeUtc, ...others } = system;
        const message: NewCloudToDevice = {
          body: bodyBytes(request.body),
          system: others,
          application,
          ack: readAck(ack),
          expiryTime: readExpiry(expiryTimeUtc),
        };
        // Azure IoT Explorer encodes the id twice; nothing was sent if the first reading named nobody.
        await readAddressed(parts, request, request.params, (principal, { deviceId }) =>
          cloudToDevice.send(principal, deviceId, message),
        );
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "DELETE",
      url: "/devices/:deviceId/commands",
      schema: {
        tags,
        summary: "Delete all messages that wait for a device",
        params: deviceParams,
        querystring: apiQuery,
        response: { 200: purgeAnswer, ...errorAnswers },
      },
      handler: async (request) => {
        const { deviceId } = request.params;
        const purged = await cloudToDevice.purge(callerOf(request), deviceId);
        return { totalMessagesPurged: purged, deviceId, moduleId: null };
      },
    });

    app.route({
      method: "GET",
      url: feedback,
      // A HEAD would lock a message that nobody sees.
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: "Take the next batch of feedback; its lock is the ETag",
        querystring: apiQuery,
        response: { 200: feedbackAnswer, 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const message = await serviceMessages.receive(callerOf(request), "feedback");
        if (message === null) return reply.code(204).send(undefined);
        reply.header("etag", `"${message.lockToken}"`);
        reply.type("application/vnd.microsoft.iothub.feedback.json");
        return reply.send(Buffer.from(message.body) as never);
      },
    });

    const settled = {
      tags,
      params: feedbackLockParams,
      querystring: apiQuery,
      response: { 204: z.undefined(), ...errorAnswers },
    };
    app.route({
      method: "DELETE",
      url: `${feedback}/:lockToken`,
      schema: { ...settled, summary: "Complete a batch of feedback" },
      handler: async (request, reply) => {
        const { lockToken } = request.params;
        await serviceMessages.settle(callerOf(request), "feedback", lockToken, "complete");
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "POST",
      url: `${feedback}/:lockToken/abandon`,
      schema: { ...settled, summary: "Give a batch of feedback back" },
      handler: async (request, reply) => {
        const { lockToken } = request.params;
        await serviceMessages.settle(callerOf(request), "feedback", lockToken, "abandon");
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}
