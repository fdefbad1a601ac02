import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { PutResource, Resource } from "../../../app/hub.ts";
import type { Principal } from "../../../app/principal.ts";
import { argumentInvalid } from "../../../domain/errors.ts";
import type { Precondition } from "../../../domain/identity/etag.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { callerOf } from "../auth.ts";
import { ifMatchHeader } from "../schemas/shared.ts";
import { errorAnswers, preconditionOf, tagged } from "./parts.ts";

/** A kind of documents with etags that services keep under names of their own. */
export interface NamedResource<Input extends z.ZodType> {
  readonly tag: string;
  /** Of the list; a document is one segment further. */
  readonly url: string;
  /** The member that holds the name, in the address and in the document. */
  readonly nameMember: string;
  readonly summaries: Readonly<Record<"list" | "get" | "put" | "delete", string>>;
  readonly answer: z.ZodType<JsonObject>;
  readonly input: Input;
  list(principal: Principal): Promise<readonly JsonObject[]>;
  get(principal: Principal, name: string): Promise<Resource>;
  put(
    principal: Principal,
    name: string,
    input: z.output<Input>,
    precondition: Precondition,
  ): Promise<PutResource>;
  delete(principal: Principal, name: string, precondition: Precondition): Promise<void>;
}

/** GET of all, and GET, PUT (201 if it is new) and DELETE of one. */
export function namedResourceRoutes<Input extends z.ZodType>(
  resource: NamedResource<Input>,
): FastifyPluginCallbackZod {
  const { nameMember, summaries, answer } = resource;
  const tags = [resource.tag];
  const response = { 200: answer, ...errorAnswers };
  const params = z.object({ [nameMember]: z.string() });
  const write = { tags, params, headers: ifMatchHeader };
  const url = `${resource.url}/:${nameMember}`;
  const nameOf = (request: { readonly params: unknown }): string =>
    (request.params as Readonly<Record<string, string>>)[nameMember] ?? "";
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: resource.url,
      schema: {
        tags,
        summary: summaries.list,
        response: { 200: z.array(answer), ...errorAnswers },
      },
      handler: async (request) => [...(await resource.list(callerOf(request)))],
    });
    app.route({
      method: "GET",
      url,
      schema: { tags, summary: summaries.get, params, response },
      handler: async (request, reply) =>
        tagged(reply, await resource.get(callerOf(request), nameOf(request))),
    });
    app.route({
      method: "PUT",
      url,
      schema: {
        ...write,
        summary: summaries.put,
        body: resource.input,
        response: { ...response, 201: answer },
      },
      handler: async (request, reply) => {
        const name = nameOf(request);
        const input = request.body as z.output<Input>;
        refuseOtherName(name, (input as Readonly<Record<string, unknown>>)[nameMember]);
        const put = await resource.put(callerOf(request), name, input, preconditionOf(request));
        return reply.code(put.created ? 201 : 200).send(tagged(reply, put));
      },
    });
    app.route({
      method: "DELETE",
      url,
      schema: {
        ...write,
        summary: summaries.delete,
        response: { 204: z.undefined(), ...errorAnswers },
      },
      handler: async (request, reply) => {
        await resource.delete(callerOf(request), nameOf(request), preconditionOf(request));
        return reply.code(204).send(undefined);
      },
    });
    done();
  };
}

function refuseOtherName(inPath: string, inBody: unknown): void {
  if (inBody == null || inBody === inPath) return;
  throw argumentInvalid("The name in the body is not the one in the address");
}
