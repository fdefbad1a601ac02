import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";
import type { HubApi } from "../../app/hub.ts";
import { type Meter, noMeter } from "../../app/meter.ts";
import type { Clock, Log, Random } from "../../app/ports.ts";
import { FailedLogins } from "../../app/strangers/failed-logins.ts";
import { defaultStrangerLimits } from "../../app/strangers/limits.ts";
import { HubError } from "../../domain/errors.ts";
import { parseSasToken } from "../../wire/sas-token.ts";
import type { ProtocolHead, StreamAcceptor } from "../head.ts";
import { limitBodyTime } from "./body-time.ts";
import { onClientError } from "./client-error.ts";
import type { DirectCalls } from "./direct/direct-calls.ts";
import { DirectFailures } from "./direct/failures.ts";
import { formA, statuses, trackingId } from "./errors.ts";
import { EventStreams } from "./event-stream.ts";
import { SendFaults } from "./faults.ts";
import { ownHost } from "./host.ts";
import { type HttpLimits, defaultHttpLimits } from "./limits.ts";
import { Sessions, linkPath } from "./portal/sessions.ts";
import { type Readiness, StoreProbe, unready } from "./readiness.ts";
import { RequestsInFlight } from "./requests-in-flight.ts";
import type { ContinueFrom } from "./trace-context.ts";
import type { ReadMetrics } from "./routes/metrics.ts";
import { splitTarget } from "./paths.ts";
import { type Subprotocol, WebSocketGate, refuse } from "./websocket.ts";

export interface HttpHeadOptions {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Shared with the other heads; one of its own if missing. */
  readonly failedLogins?: FailedLogins | undefined;
  /** Whether devices may ask for faults by message; not unless told. */
  readonly faultInjection?: boolean | undefined;
  /** Addresses that the server's certificate names: accepted as Host beside the hub's names and loopback. */
  readonly addresses?: readonly string[] | undefined;
  /** More routes, open to all unless they look after themselves. */
  readonly extraRoutes?: FastifyPluginCallback | undefined;
  /** Where the built portal lies; without it there is none. */
  readonly portalDirectory?: string | undefined;
  /** The certificate that clients have to trust, PEM: for whoever sets up clients in the portal. */
  readonly caPem?: string | undefined;
  /** What the hub counts; without it there is no `/metrics`. */
  readonly metrics?: ReadMetrics | undefined;
  readonly meter?: Meter | undefined;
  /** Goes on as part of what the caller's headers name; without it each request stands for itself. */
  readonly continueFrom?: ContinueFrom | undefined;
  /** Rejects while the store does not answer; without it the store counts as well. */
  readonly askStore?: (() => Promise<unknown>) | undefined;
}

/** The REST API and the door for WebSockets. The listener is the caller's: it passes requests and upgrades in. */
export interface HttpHead extends ProtocolHead {
  /** For the listener's constructor: limits of sizes and times that only it can hold. */
  readonly serverOptions: ServerOptions;
  /** Serves the listener's requests, upgrades and broken requests. Call once for each, before it listens. */
  attach(server: Server): void;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Hands WebSockets that ask for `subprotocol`, in any case, to `acceptor`. */
  registerWebSocket(subprotocol: Subprotocol, acceptor: StreamAcceptor): void;
  /** Loads the routes, which the first request would have to wait for otherwise. */
  load(): Promise<unknown>;
  /** Whether the hub takes work, and why not. */
  readiness(): Promise<Readiness>;
  /** Says from now on that the hub is not ready, and serves on: whoever balances loads sends no more. */
  drain(): void;
  /** The path of a one-time link that signs a browser in with the rights of `token`, a policy's token for the whole hub. */
  portalLink(token: string): string;
}

/** What answers requests. */
interface Routes {
  readonly app: FastifyInstance;
  /** Missing: the framework answers all. */
  readonly direct: DirectCalls | undefined;
}

/** Makes the HTTP head. It answers 503 until `start` has resolved, and again from `stop` on. */
export function createHttpHead(options: HttpHeadOptions): HttpHead {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const { hub, clock, random, log, extraRoutes } = options;
  let state: "starting" | "ready" | "draining" | "stopping" = "starting";
  const probe = new StoreProbe(clock, options.askStore ?? (() => Promise.resolve()));
  const servers = new Set<Server>();
  const inFlight = new RequestsInFlight(limits, clock);
  const gate = new WebSocketGate(limits, clock, log);
  const failedLogins = options.failedLogins ?? new FailedLogins(clock, defaultStrangerLimits);
  const streams = new EventStreams(limits.eventStreams);
  const sessions = new Sessions(clock, random);
  const isOwnHost = ownHost(hub.hostNames, options.addresses ?? []);
  const failures = new DirectFailures();
  let routes: Routes | undefined;
  let loading: Promise<Routes> | undefined;

  // The framework and the schemas of all routes take longer to load than everything else together, and devices that
  // speak MQTT or AMQP need none of them.
  function load(): Promise<Routes> {
    loading ??= (async () => {
      const [{ buildApp }, { DirectCalls }] = await Promise.all([
        import("./app.ts"),
        import("./direct/direct-calls.ts"),
      ]);
      const shared = {
        hub,
        clock,
        random,
        log,
        limits,
        faults: new SendFaults(options.faultInjection ?? false),
        meter: options.meter ?? noMeter,
        isOwnHost,
        failures,
        isStopping: () => state === "stopping",
      };
      const app = buildApp({
        ...shared,
        failedLogins,
        streams,
        extraRoutes,
        sessions,
        portalDirectory: options.portalDirectory,
        caPem: options.caPem,
        metrics: options.metrics,
        continueFrom: options.continueFrom,
        readiness,
      });
      await app.ready();
      const handOver = (request: IncomingMessage, response: ServerResponse): void =>
        answerByApp(app, request, response);
      const direct = new DirectCalls({ ...shared, handOver, limitBodyTime: limitTime });
      // Who follows calls through the system begins in the framework's hooks.
      routes = { app, direct: options.continueFrom === undefined ? direct : undefined };
      return routes;
    })();
    return loading;
  }

  async function readiness(): Promise<Readiness> {
    if (state !== "ready") return unready(state);
    return (await probe.answers()) ? { status: "ready", reasons: [] } : unready("store");
  }

  function isBlob({ url = "" }: IncomingMessage): boolean {
    return hub.files.container !== null && url.startsWith(`/${hub.files.container}/`);
  }

  function serves(): boolean {
    return state === "ready" || state === "draining";
  }

  function unavailable(request: IncomingMessage, response: ServerResponse): void {
    const id = random.uuid();
    const error = new HubError(
      "ServiceUnavailable",
      "The hub is not ready, or has too many requests",
    );
    const { path } = splitTarget(request.url ?? "");
    // Whoever asks for life is answered however busy the hub is: it would be killed for being busy.
    const alive = path === "/health";
    const status = alive ? 200 : statuses[error.name];
    response.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "x-ms-request-id": id,
      ...(alive ? {} : { "iothub-errorcode": error.name }),
      connection: "close",
    });
    const reason = state === "ready" ? "busy" : state;
    const body = path === "/ready" ? unready(reason) : formA(error, trackingId(id, clock.now()));
    response.end(JSON.stringify(alive ? { status: "healthy" } : body));
  }

  function limitTime(request: IncomingMessage): void {
    limitBodyTime(request, limits.requestTimeout, clock);
  }

  function answer(
    { app, direct }: Routes,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    // A reader that stops reading is cut off; the socket sees progress within a long answer.
    response.once("prefinish", () =>
      response.setTimeout(limits.responseStall, () => response.destroy()),
    );
    if (direct?.take(request, response) !== true) answerByApp(app, request, response);
  }

  function answerByApp(
    app: FastifyInstance,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    prepare(request);
    if (!isBlob(request)) limitTime(request);
    app.routing(request, response);
  }

  const handler: HttpHead["handler"] = (request, response) => {
    if (!serves() || !inFlight.enter(response)) return unavailable(request, response);
    if (routes !== undefined) return answer(routes, request, response);
    load().then(
      (loaded) => answer(loaded, request, response),
      (error: unknown) => {
        log.error({ err: error }, "the HTTP routes could not be loaded");
        unavailable(request, response);
      },
    );
  };

  const handleUpgrade: HttpHead["handleUpgrade"] = (request, socket, head) => {
    if (!serves()) return refuse(socket, "503 Service Unavailable");
    gate.upgrade(request, socket, head);
  };

  return {
    name: "http",
    serverOptions: serverOptions(limits),
    handler,
    handleUpgrade,
    load,
    portalLink: (token) => linkPath(sessions.issueCode(parseSasToken(token)).secret),
    readiness,
    drain() {
      if (state === "ready") state = "draining";
    },
    registerWebSocket: (subprotocol, acceptor) => gate.register(subprotocol, acceptor),
    attach(server) {
      servers.add(server);
      server.maxConnections = limits.connections;
      server.on("request", handler);
      server.on("upgrade", handleUpgrade);
      server.on("clientError", onClientError({ clock, random, log }));
    },
    async start() {
      state = "ready";
    },
    async stop() {
      state = "stopping";
      for (const server of servers) server.closeIdleConnections();
      streams.endAll();
      await inFlight.drained(limits.drainTimeout);
      await gate.stop();
      await loading?.then(
        ({ app }) => app.close(),
        () => undefined,
      );
      for (const server of servers) server.closeAllConnections();
    },
  };
}

/** Our errors carry their own form, so the listener's ready-made refusals are turned off where they can be. */
function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeout,
    // That of ordinary requests is kept by the head.
    requestTimeout: Math.max(limits.requestTimeout, limits.blobRequestTimeout),
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: limits.timeoutCheckInterval,
    requireHostHeader: false,
    noDelay: true,
  };
}

function prepare(request: IncomingMessage): void {
  // No route goes by the media type, and the framework refuses malformed ones (spec/rest §3.4).
  delete request.headers["content-type"];
  // Java's HTTP client knows no PATCH (spec/rest §3.2).
  const override = request.headers["x-http-method-override"];
  if (request.method === "POST" && String(override).toUpperCase() === "PATCH")
    request.method = "PATCH";
}
