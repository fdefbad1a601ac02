import type { IncomingMessage } from "node:http";
import swagger from "@fastify/swagger";
import {
  type FastifyInstance,
  type FastifyPluginCallback,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from "fastify";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";
import { HubError, argumentInvalid } from "../../domain/errors.ts";
import type { Meter } from "../../app/meter.ts";
import type { Random } from "../../app/ports.ts";
import type { FailedLogins } from "../../app/strangers/failed-logins.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Milliseconds } from "../../domain/time.ts";
import { checkApiVersion } from "./api-version.ts";
import { blobRoutes } from "./blobs/routes.ts";
import { authenticate, authenticateIdentity } from "./auth.ts";
import type { DirectFailures } from "./direct/failures.ts";
import { readJson, validatorCompiler } from "./body.ts";
import { formA, formB, statuses, toHubError, trackingId } from "./errors.ts";
import type { EventStreams } from "./event-stream.ts";
import { openApiDocument } from "./openapi.ts";
import { PathTable, parseQuery, splitTarget } from "./paths.ts";
import type { Readiness } from "./readiness.ts";
import { readSession, sessionRoutes } from "./portal/session-routes.ts";
import type { Sessions } from "./portal/sessions.ts";
import { staticRoutes } from "./portal/static-routes.ts";
import { RefusalDelay } from "./refusal-delay.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { certificateRoutes } from "./routes/certificates.ts";
import { cloudToDeviceRoutes } from "./routes/cloud-to-device.ts";
import { configurationRoutes } from "./routes/configurations.ts";
import { consumerGroupRoutes } from "./routes/consumer-groups.ts";
import { deviceMessageRoutes } from "./routes/device-messages.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { eventRoutes } from "./routes/events.ts";
import { fileRoutes } from "./routes/files.ts";
import { hubStateRoutes } from "./routes/hub-state.ts";
import { indexRoutes } from "./routes/indexes.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { keyRoutes } from "./routes/keys.ts";
import { type ReadMetrics, metricsRoutes } from "./routes/metrics.ts";
import { methodRoutes } from "./routes/methods.ts";
import { moduleRoutes } from "./routes/modules.ts";
import { openRoutes } from "./routes/open.ts";
import type { RouteParts } from "./routes/parts.ts";
import { policyRoutes } from "./routes/policies.ts";
import { routingRoutes } from "./routes/routing.ts";
import { statisticsRoutes } from "./routes/statistics.ts";
import { queryRoutes } from "./routes/query.ts";
import { changeRoutes } from "./routes/changes.ts";
import { tryRoutes } from "./routes/try-routes.ts";
import { storedFileRoutes } from "./routes/stored-files.ts";
import { throttlingRoutes } from "./routes/throttling.ts";
import { type ContinueFrom, addTraceContext } from "./trace-context.ts";
import { transferRoutes } from "./routes/transfers.ts";
import { twinRoutes } from "./routes/twins.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** When its headers had come in, in milliseconds since 1970. */
    arrived: Milliseconds;
  }
}

export interface AppParts extends RouteParts {
  readonly streams: EventStreams;
  /** Those of all heads. */
  readonly failedLogins: FailedLogins;
  readonly random: Random;
  /** Whether a Host header means this hub. */
  readonly isOwnHost: (header: string | undefined) => boolean;
  /** Of requests that were meant to be answered without the framework. */
  readonly failures: DirectFailures;
  readonly extraRoutes: FastifyPluginCallback | undefined;
  /** Browsers that have signed in. */
  readonly sessions: Sessions;
  /** Where the built portal lies. */
  readonly portalDirectory: string | undefined;
  /** The certificate that clients have to trust, PEM. */
  readonly caPem: string | undefined;
  /** What the hub counts, for operators. */
  readonly metrics: ReadMetrics | undefined;
  readonly meter: Meter;
  readonly continueFrom: ContinueFrom | undefined;
  readonly readiness: () => Promise<Readiness>;
  /** True once no more requests should come on a connection. */
  isStopping(): boolean;
}

/** No route has it: where unmatched requests go. */
const nowhere = "/$unmatched";

/** The REST API as a fastify instance that never listens itself. */
export function buildApp(parts: AppParts): FastifyInstance {
  const paths = new PathTable();
  const app = fastify({
    logger: false,
    bodyLimit: parts.limits.bodyBytes,
    genReqId: (request: IncomingMessage) => parts.failures.of(request)?.id ?? parts.random.uuid(),
    routerOptions: { maxParamLength: parts.limits.headerBytes, querystringParser: parseQuery },
    rewriteUrl: (request) => rewritten(paths, request.method ?? "", request.url ?? ""),
  });
  app.decorateRequest("principal", null);
  app.decorateRequest("arrived", 0);
  app.decorateRequest("sessionToken", null);
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) paths.add(one, url);
  });
  setFormats(app);
  setErrors(app, parts, paths);
  addCommonHooks(app, parts);

  app.register(swagger, {
    openapi: openApiDocument,
    transform: createJsonSchemaTransform({ skipList: [] }),
  });
  app.register(openRoutes(parts.readiness));
  if (parts.metrics !== undefined) app.register(metricsRoutes(parts, parts.metrics));
  app.register(sessionRoutes(parts));
  if (parts.portalDirectory !== undefined)
    app.register(staticRoutes({ directory: parts.portalDirectory, random: parts.random }));
  app.register(apiRoutes(parts));
  app.register(identityRoutes(parts));
  app.register(hubRoutes(parts));
  const { container } = parts.hub.files;
  if (container !== null) app.register(blobRoutes(parts, container));
  if (parts.extraRoutes !== undefined) app.register(parts.extraRoutes);
  return app;
}

function rewritten(paths: PathTable, method: string, target: string): string {
  const { path, query } = splitTarget(target);
  const match = paths.match(method, path);
  const url = match.kind === "route" ? match.path : nowhere;
  return query === "" ? url : `${url}?${query}`;
}

/** Bodies come as bytes whatever their type says, and are read by the routes; answers are what the hub composed. */
function setFormats(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setValidatorCompiler(validatorCompiler(readJson));
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

/** Routes of IoT Hub: api-version, then the caller (spec/rest §4). */
function apiRoutes(parts: AppParts): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook("onRequest", async (request) => {
      checkApiVersion((request.query as Record<string, string>)["api-version"]);
      request.principal = await authenticate(parts.hub, parts.log, request);
    });
    app.register(deviceRoutes(parts));
    app.register(moduleRoutes(parts));
    app.register(bulkRoutes(parts));
    app.register(keyRoutes(parts));
    app.register(statisticsRoutes(parts));
    app.register(twinRoutes(parts));
    app.register(queryRoutes(parts));
    app.register(methodRoutes(parts));
    app.register(jobRoutes(parts));
    app.register(transferRoutes(parts));
    app.register(configurationRoutes(parts));
    app.register(cloudToDeviceRoutes(parts));
    done();
  };
}

/** Endpoints of devices and modules: the caller is the one whom the path names (spec/rest §9). */
function identityRoutes(parts: AppParts): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook("onRequest", async (request) => {
      checkApiVersion((request.query as Record<string, string>)["api-version"]);
      const { deviceId, moduleId } = request.params as IdentityKey;
      request.principal = await authenticateIdentity(parts.hub, parts.log, request, {
        deviceId,
        moduleId,
      });
    });
    app.register(deviceMessageRoutes(parts));
    app.register(fileRoutes(parts));
    done();
  };
}

/** Routes of our own, below `/$hub`: no api-version. */
function hubRoutes(parts: AppParts): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook("onRequest", async (request) => {
      request.principal = await authenticate(parts.hub, parts.log, request);
    });
    app.register(policyRoutes(parts));
    app.register(certificateRoutes(parts));
    app.register(routingRoutes(parts));
    app.register(tryRoutes(parts));
    app.register(hubStateRoutes(parts));
    app.register(eventRoutes(parts, parts.streams));
    app.register(changeRoutes(parts, parts.streams));
    app.register(indexRoutes(parts));
    app.register(throttlingRoutes(parts));
    app.register(consumerGroupRoutes(parts));
    app.register(storedFileRoutes(parts));
    done();
  };
}

function addCommonHooks(app: FastifyInstance, parts: AppParts): void {
  if (parts.continueFrom !== undefined) addTraceContext(app, parts.continueFrom);
  app.addHook("onRequest", async (request, reply) => {
    request.arrived = parts.clock.now();
    reply.header("x-ms-request-id", request.id);
    reply.header("cache-control", "no-store");
    const failure = parts.failures.of(request.raw);
    if (failure !== undefined) {
      request.principal = failure.principal;
      throw failure.thrown;
    }
    if (!parts.isOwnHost(request.headers.host))
      throw argumentInvalid("Requested Host is not supported");
    readSession(parts.sessions, request);
  });
  app.addHook("onSend", async (_request, reply) => {
    if (parts.isStopping()) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const { id, method, originalUrl } = request;
    const { path } = splitTarget(originalUrl);
    const fields = {
      requestId: id,
      method,
      path,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    parts.log.debug(fields, "request answered");
    parts.meter
      .counter("twinhub_http_requests_total", { method, status: String(reply.statusCode) })
      .add(1);
  });
}

function setErrors(app: FastifyInstance, parts: AppParts, paths: PathTable): void {
  app.setNotFoundHandler(async (request, reply) => {
    const { path } = splitTarget(request.originalUrl);
    const match = paths.match(request.method, path);
    switch (match.kind) {
      case "malformed":
        throw argumentInvalid("The path is not validly percent-encoded");
      case "slashInId":
        throw argumentInvalid("An id may not contain a slash");
      case "otherMethod":
        reply.header("allow", match.allow.join(", "));
        throw new HubError("GenericMethodNotAllowed", `${request.method} is not allowed here`);
      case "unknown":
      case "route":
        throw new HubError("GenericNotFound", "There is nothing at this path");
    }
  });
  const refusals = new RefusalDelay(parts);
  app.setErrorHandler(async (thrown, request, reply) => {
    const isRefusal = thrown instanceof HubError && thrown.name === "IotHubUnauthorizedAccess";
    if (isRefusal && request.principal === null) await refusals.wait(request, reply);
    return answerError(parts, thrown, request, reply);
  });
}

function answerError(
  parts: AppParts,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toHubError(thrown);
  const fields = {
    requestId: request.id,
    method: request.method,
    path: splitTarget(request.originalUrl).path,
  };
  if (error.name === "ServerError") parts.log.error({ ...fields, err: thrown }, "request failed");
  const now = parts.clock.now();
  const tracking = trackingId(request.id, now);
  // A caller that is refused as such is told so in the common form, whatever it called.
  const isFormB =
    request.routeOptions.config.errorForm === "b" &&
    request.principal !== null &&
    error.name !== "IotHubUnauthorizedAccess";
  return reply
    .code(statuses[error.name])
    .header("iothub-errorcode", error.name)
    .type("application/json; charset=utf-8")
    .serializer((body: unknown) => JSON.stringify(body))
    .send(isFormB ? formB(error, tracking, now) : formA(error, tracking));
}
