import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { type Precondition, parsePrecondition } from "../../../domain/identity/etag.ts";
import { callerOf } from "../auth.ts";
import {
  certificateAnswer,
  certificateInput,
  certificateParams,
  proofInput,
} from "../schemas/certificates.ts";
import { ifMatchHeader } from "../schemas/shared.ts";
import { type RouteParts, errorAnswers, tagged } from "./parts.ts";

const tags = ["Certificates"];
const one = "/$hub/certificates/:name";

/** CAs whose certificates devices and modules may show; for owners (spec/semantics §7.3). Ours, not Azure's. */
export function certificateRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { certificates } = hub;
  const answer = { 200: certificateAnswer, ...errorAnswers };
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/certificates",
      schema: {
        tags,
        summary: "List CA certificates",
        response: { 200: z.array(certificateAnswer), ...errorAnswers },
      },
      handler: async (request) => [...(await certificates.list(callerOf(request)))],
    });

    app.route({
      method: "GET",
      url: one,
      schema: {
        tags,
        summary: "Get a CA certificate",
        params: certificateParams,
        response: answer,
      },
      handler: async (request, reply) =>
        tagged(reply, await certificates.get(callerOf(request), request.params.name)),
    });

    const write = { tags, params: certificateParams, headers: ifMatchHeader };
    app.route({
      method: "PUT",
      url: one,
      schema: {
        ...write,
        summary: "Register a CA certificate, or replace it with If-Match",
        body: certificateInput,
        response: answer,
      },
      handler: async (request, reply) => {
        const { certificate, isVerified } = request.body;
        const input = { certificate, isVerified: isVerified ?? false };
        const { name } = request.params;
        return tagged(
          reply,
          await certificates.put(callerOf(request), name, input, preconditionOf(request)),
        );
      },
    });

    app.route({
      method: "DELETE",
      url: one,
      schema: {
        ...write,
        summary: "Delete a CA certificate",
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        await certificates.delete(callerOf(request), name, preconditionOf(request));
        return reply.code(204).send(undefined);
      },
    });

    app.route({
      method: "POST",
      url: `${one}/generateVerificationCode`,
      schema: { ...write, summary: "Make a code for the proof of possession", response: answer },
      handler: async (request, reply) => {
        const { name } = request.params;
        return tagged(
          reply,
          await certificates.generateVerificationCode(
            callerOf(request),
            name,
            preconditionOf(request),
          ),
        );
      },
    });

    app.route({
      method: "POST",
      url: `${one}/verify`,
      schema: {
        ...write,
        summary: "Prove possession of the CA's private key",
        body: proofInput,
        response: answer,
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        const proof = request.body.certificate;
        return tagged(
          reply,
          await certificates.verify(callerOf(request), name, proof, preconditionOf(request)),
        );
      },
    });
    done();
  };
}

/** Here an etag counts with quotes or without: nobody's old client sends one that does not fit. */
function preconditionOf(request: {
  readonly headers: { readonly "if-match"?: string | undefined };
}): Precondition {
  const given = parsePrecondition(request.headers["if-match"]);
  return given.kind === "unquoted" ? { kind: "etag", etag: given.etag } : given;
}
