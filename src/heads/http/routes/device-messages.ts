import type { FastifyInstance, FastifyPluginCallback } from "fastify";
import type { FastifyPluginCallbackZod, ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { identityOf } from "../auth.ts";
import { bodyBytes, validatorCompiler } from "../body.ts";
import { headerValue, messageHeaders } from "../message-headers.ts";
import {
  batchType,
  lockParams,
  messageBody,
  messageHeadersInput,
  settleQuery,
} from "../schemas/messages.ts";
import { apiQuery, deviceParams, moduleParams } from "../schemas/shared.ts";
import type { TakenMessage } from "../../../app/messages/receive-cloud-to-device.ts";
import { sendMessages } from "../send-messages.ts";
import { timeText } from "../../../domain/time.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["Device messages"];
const queue = "/devices/:deviceId/messages/deviceBound";

/** What devices and modules do with messages over HTTPS: send (spec/rest §9.2), receive and settle (§9.3). */
export function deviceMessageRoutes(parts: RouteParts): FastifyPluginCallback {
  return (app, _options, done) => {
    addTelemetry(app, parts, "/devices/:deviceId/messages/events", deviceParams);
    addTelemetry(app, parts, "/devices/:deviceId/modules/:moduleId/messages/events", moduleParams);
    app.register(queueRoutes(parts));
    done();
  };
}

function addTelemetry(
  app: FastifyInstance,
  parts: RouteParts,
  url: string,
  params: typeof deviceParams | typeof moduleParams,
): void {
  app.withTypeProvider<ZodTypeProvider>().route({
    method: "POST",
    url,
    bodyLimit: parts.limits.telemetryBodyBytes,
    validatorCompiler: validatorCompiler((_schema, raw) => bodyBytes(raw)),
    schema: {
      tags,
      summary: `Send a message, or a batch as ${batchType}`,
      params,
      querystring: apiQuery,
      headers: messageHeadersInput,
      consumes: ["application/octet-stream", batchType],
      body: messageBody,
      response: { 204: z.undefined(), ...errorAnswers },
    },
    handler: async (request, reply) => {
      await sendMessages(parts, identityOf(request), request.raw, bodyBytes(request.body));
      return reply.code(204).send(undefined);
    },
  });
}

function queueRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { cloudToDevice } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: queue,
      // A HEAD would lock a message that nobody sees.
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: "Take the next message for a minute; its lock is the ETag",
        params: deviceParams,
        querystring: apiQuery,
        response: { 200: messageBody, 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const [taken] = await cloudToDevice.receive(identityOf(request), 1);
        if (taken === undefined) return reply.code(204).send(undefined);
        // Set on the response itself: fastify would fold the names of application properties.
        for (const [name, value] of takenHeaders(request.params.deviceId, taken))
          reply.raw.setHeader(name, value);
        reply.type("application/octet-stream");
        return reply.send(Buffer.from(taken.body) as never);
      },
    });

    const settled = {
      tags,
      params: lockParams,
      response: { 204: z.undefined(), ...errorAnswers },
    };
    app.route({
      method: "DELETE",
      url: `${queue}/:lockToken`,
      schema: {
        ...settled,
        querystring: settleQuery,
        summary: "Complete a message; with reject in the query, reject it",
      },
      handler: async (request, reply) => {
        const how = request.query.reject === undefined ? "complete" : "reject";
        await cloudToDevice.settle(identityOf(request), request.params.lockToken, how);
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "POST",
      url: `${queue}/:lockToken/abandon`,
      schema: { ...settled, querystring: apiQuery, summary: "Give a message back" },
      handler: async (request, reply) => {
        await cloudToDevice.settle(identityOf(request), request.params.lockToken, "abandon");
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function* takenHeaders(
  deviceId: string,
  { lockToken, sequence, message }: TakenMessage,
): Generator<[name: string, value: string]> {
  const { system, application, ack, enqueuedTime, expiryTime, deliveryCount } = message;
  yield* messageHeaders({ ...system, expiryTimeUtc: undefined }, application);
  yield ["etag", `"${lockToken}"`];
  yield ["iothub-ack", ack];
  yield ["iothub-to", system.to === undefined ? addressOf(deviceId) : headerValue(system.to)];
  yield ["iothub-sequencenumber", String(sequence)];
  yield ["iothub-deliverycount", String(deliveryCount)];
  yield ["iothub-enqueuedtime", timeText(enqueuedTime)];
  yield ["iothub-expiry", timeText(expiryTime)];
  // Azure's command line reads the two without a hyphen.
  if (system.contentType !== undefined) yield ["ContentType", headerValue(system.contentType)];
  if (system.contentEncoding !== undefined)
    yield ["ContentEncoding", headerValue(system.contentEncoding)];
}

function addressOf(deviceId: string): string {
  return `/devices/${encodeURIComponent(deviceId)}/messages/devicebound`;
}
