import { Readable } from "node:stream";
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import type { OpenBlob } from "../../../app/files/open-blob.ts";
import { BlobError } from "../../../domain/files/blob-error.ts";
import { sasVersion } from "../../../domain/files/blob-sas.ts";
import type { BlobProperties } from "../../../domain/files/blob.ts";
import { authenticate } from "../auth.ts";
import { splitTarget } from "../paths.ts";
import type { RouteParts } from "../routes/parts.ts";
import { visitorIsKnown } from "../visitors.ts";
import { readBlockList } from "./block-list.ts";
import { bodyOf, textOf } from "./content.ts";
import { errorXml, refusalOf } from "./errors.ts";
import {
  contentTypeOf,
  matches,
  propertyHeaders,
  readDescription,
  readLength,
  readMd5,
  readPrecondition,
  readRange,
} from "./headers.ts";

type Query = Readonly<Record<string, string | undefined>>;

/**
 * The hub's own storage for files of devices: as much of Azure Storage's blob service as its clients use for an upload.
 * Content goes to the store as it comes in.
 */
export function blobRoutes(parts: RouteParts, container: string): FastifyPluginCallback {
  const { clock, limits, log } = parts;
  return (app, _options, done) => {
    // Bodies are read by the routes, at the pace of the store.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, parsed) => parsed(null));
    app.setErrorHandler((thrown, request, reply) => answerRefusal(thrown, request, reply));
    app.addHook("onRequest", async (request, reply) => addCommonHeaders(request, reply));

    const url = `/${container}/*`;
    const schema = { hide: true };
    app.route({ method: "PUT", url, schema, handler: put });
    app.route({ method: "GET", url, schema, exposeHeadRoute: false, handler: get });
    app.route({ method: "HEAD", url, schema, handler: head });
    app.route({ method: "DELETE", url, schema, handler: remove });
    app.route({
      method: "PUT",
      url: `/${container}`,
      schema,
      // Clients may make sure that their container is there: it always is.
      handler: async () => {
        throw new BlobError("ContainerAlreadyExists");
      },
    });
    done();
  };

  async function open(request: FastifyRequest): Promise<OpenBlob> {
    const { sv, sr, sp, se, sig, spr } = request.query as Query;
    const names = namesOf(request);
    if (sig === undefined) {
      const principal = await authenticate(parts.hub, log, request);
      return parts.hub.files.open({ kind: "principal", principal }, names);
    }
    const signature = {
      sv: sv ?? "",
      sr: sr ?? "",
      sp: sp ?? "",
      se: se ?? "",
      // Some clients leave the plus of Base64 as it is, which a query reads as a blank.
      sig: sig.replaceAll(" ", "+"),
      spr: spr ?? "",
    };
    const blob = parts.hub.files.open({ kind: "signature", signature }, names);
    visitorIsKnown(request.raw.socket);
    return blob;
  }

  function contentOf(request: FastifyRequest) {
    const { headers, raw } = request;
    return {
      length: readLength(headers),
      bytes: bodyOf(raw, clock, limits.blobStall),
      md5: readMd5(headers["content-md5"] as string | undefined),
    };
  }

  async function put(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { comp, blockid } = request.query as Query;
    const blob = await open(request);
    switch (comp) {
      case undefined:
        return putBlob(blob, request, reply);
      case "block": {
        if (blockid === undefined) throw new BlobError("InvalidQueryParameterValue");
        const md5 = await blob.putBlock(blockid.replaceAll(" ", "+"), contentOf(request));
        return reply.code(201).header("content-md5", md5).send();
      }
      case "blocklist": {
        const text = await textOf(
          bodyOf(request.raw, clock, limits.blobStall),
          limits.blockListBytes,
        );
        const { headers } = request;
        const description = readDescription(headers);
        const made = await blob.commit(readBlockList(text), description, readPrecondition(headers));
        return created(reply, made).send();
      }
      default:
        throw new BlobError("InvalidQueryParameterValue");
    }
  }

  async function putBlob(
    blob: OpenBlob,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { headers, raw } = request;
    const type = headers["x-ms-blob-type"];
    if (type === undefined) throw new BlobError("MissingRequiredHeader");
    if (String(type).toLowerCase() !== "blockblob") throw new BlobError("InvalidBlobType");
    const description = readDescription(headers, contentTypeOf(raw));
    const content = contentOf(request);
    const { properties, md5 } = await blob.put(content, description, readPrecondition(headers));
    return created(reply, properties).header("content-md5", md5).send();
  }

  async function get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if ((request.query as Query)["comp"] !== undefined)
      throw new BlobError("InvalidQueryParameterValue");
    const blob = await open(request);
    const properties = await blob.properties();
    const { "if-match": match, "if-none-match": noneMatch } = request.headers;
    if (match !== undefined && !matches(match, properties)) throw new BlobError("ConditionNotMet");
    describe(reply, properties);
    if (noneMatch !== undefined && matches(noneMatch, properties)) return reply.code(304).send();
    const { size } = properties;
    const range = readRange(request.headers, size);
    if (range !== undefined) {
      const { start, end } = range;
      reply.code(206).header("content-range", `bytes ${start}-${end}/${size}`);
    }
    reply.header("content-length", range === undefined ? size : range.end - range.start + 1);
    reply.raw.setTimeout(limits.blobStall, () => reply.raw.destroy());
    return reply.send(Readable.from(await blob.read(range), { objectMode: false }));
  }

  async function head(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const properties = await (await open(request)).properties();
    describe(reply, properties);
    return reply.header("content-length", properties.size).send();
  }

  async function remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await (await open(request)).delete();
    return reply.code(202).send();
  }

  async function answerRefusal(
    thrown: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const refusal = refusalOf(thrown);
    const { id, method } = request;
    if (refusal.isBug) log.error({ requestId: id, method, err: thrown }, "request failed");
    // What is left of the body has to be taken, or the answer would be lost with the connection.
    request.raw.resume();
    return reply
      .code(refusal.status)
      .removeHeader("content-length")
      .header("x-ms-error-code", refusal.code)
      .type("application/xml")
      .send(request.method === "HEAD" ? undefined : errorXml(refusal, id, clock.now()));
  }
}

/**
 * The name of the blob, decoded, and as it stands in the path: an id may look encoded, and clients differ in whether
 * they encode it once more.
 */
function namesOf(request: FastifyRequest): readonly string[] {
  const { path } = splitTarget(request.originalUrl);
  const decoded = decodeURIComponent(path).replace(/^\/*[^/]*\//, "");
  const raw = path.replace(/^\/*[^/]*\//, "");
  return decoded === raw ? [decoded] : [decoded, raw];
}

function addCommonHeaders({ headers }: FastifyRequest, reply: FastifyReply): void {
  const version = headers["x-ms-version"];
  const known = typeof version === "string" && /^\d{4}-\d\d-\d\d$/.test(version);
  reply.header("x-ms-version", known ? version : sasVersion);
  const clientId = headers["x-ms-client-request-id"];
  if (typeof clientId === "string" && /^[\x21-\x7e]{1,1024}$/.test(clientId))
    reply.header("x-ms-client-request-id", clientId);
}

function created(reply: FastifyReply, { etag, lastModified }: BlobProperties): FastifyReply {
  return reply
    .code(201)
    .header("etag", `"${etag}"`)
    .header("last-modified", new Date(lastModified).toUTCString())
    .header("x-ms-request-server-encrypted", "false");
}

function describe(reply: FastifyReply, properties: BlobProperties): void {
  for (const [name, value] of propertyHeaders(properties)) reply.header(name, value);
  const { contentMd5 } = properties.description;
  if (contentMd5 !== undefined) reply.header("content-md5", contentMd5);
}
