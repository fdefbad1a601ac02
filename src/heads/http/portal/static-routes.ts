import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import type { Random } from "../../../app/ports.ts";
import { HubError } from "../../../domain/errors.ts";
import { splitTarget } from "../paths.ts";
import { type PortalFile, readPortalFiles } from "./files.ts";

/** Stands in the built page where each answer's nonce for style sheets goes. */
const noncePlace = "__CSP_NONCE__";

export interface StaticParts {
  /** Where the built portal lies. */
  readonly directory: string;
  readonly random: Random;
}

/**
 * The portal's page and its files, the same for everybody: there is nothing of the hub in them. Every path below
 * `/portal` that is no file is a page of the application.
 */
export function staticRoutes({ directory, random }: StaticParts): FastifyPluginCallback {
  return (app, _options, done) => {
    let files: Promise<ReadonlyMap<string, PortalFile>> | undefined;
    const serve = async (request: FastifyRequest, reply: FastifyReply) => {
      files ??= readPortalFiles(directory);
      const name = fileName(request);
      const file = (await files).get(name);
      if (file !== undefined && name !== "index.html") return sendFile(request, reply, file);
      const page = (await files).get("index.html");
      if (page === undefined) throw missing("The portal has not been built: npm run build");
      if (name.startsWith("assets/")) throw missing("There is no such file");
      return sendPage(reply, page, random.base64(16));
    };
    app.route({ method: "GET", url: "/portal", schema: { hide: true }, handler: serve });
    app.route({ method: "GET", url: "/portal/*", schema: { hide: true }, handler: serve });
    done();
  };
}

function fileName(request: FastifyRequest): string {
  return decodeURIComponent(splitTarget(request.url).path).replace(/^\/portal\/?/, "");
}

function missing(message: string): HubError {
  return new HubError("GenericNotFound", message);
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PortalFile): FastifyReply {
  reply
    .type(file.type)
    .header("etag", file.etag)
    .header("cache-control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache")
    .header("x-content-type-options", "nosniff")
    .header("vary", "accept-encoding");
  if (request.headers["if-none-match"]?.includes(file.etag) === true) return reply.code(304).send();
  if (file.gzip === undefined || !acceptsGzip(request)) return reply.send(file.body);
  return reply.header("content-encoding", "gzip").send(file.gzip);
}

function acceptsGzip(request: FastifyRequest): boolean {
  return /\bgzip\b(?!;\s*q=0(?:\.0*)?\b)/i.test(request.headers["accept-encoding"] ?? "");
}

function sendPage(reply: FastifyReply, page: PortalFile, nonce: string): FastifyReply {
  return reply
    .type(page.type)
    .header("cache-control", "no-store")
    .header("content-security-policy", contentSecurityPolicy(nonce))
    .header("x-content-type-options", "nosniff")
    .header("x-frame-options", "DENY")
    .header("referrer-policy", "no-referrer")
    .header("cross-origin-opener-policy", "same-origin")
    .header("permissions-policy", "camera=(), geolocation=(), microphone=()")
    .send(page.body.toString().replaceAll(noncePlace, nonce));
}

/** Scripts are the portal's own files only. The editor makes its style sheets at run time: those carry the nonce. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
