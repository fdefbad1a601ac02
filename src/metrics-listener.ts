import { type Server, type ServerResponse, createServer } from "node:http";
import type { Exposition } from "./observe/exposition.ts";
import type { Readiness } from "./heads/http/readiness.ts";

/** Connections that scrapers and orchestrators may hold open at the same time. */
const maxConnections = 100;
/** From the first byte of a request to its end, in milliseconds. */
const requestTimeout = 5_000;

export interface MetricsParts {
  readonly metrics: () => Promise<Exposition>;
  readonly readiness: () => Promise<Readiness>;
}

/** Metrics and health over plain HTTP for whoever reaches the address: it is the operator's to choose. */
export function metricsListener(parts: MetricsParts): Server {
  const server = createServer(
    { requestTimeout, headersTimeout: requestTimeout, maxHeaderSize: 8_192 },
    (request, response) => {
      const path = (request.url ?? "").split("?", 1)[0];
      const answer = request.method === "GET" ? answerOf(parts, path) : undefined;
      if (answer === undefined) return send(response, 404, "text/plain", "Not found\n");
      answer.then(
        ([status, type, text]) => send(response, status, type, text),
        () => send(response, 503, "text/plain", "The metrics can't be read\n"),
      );
    },
  );
  server.maxConnections = maxConnections;
  return server;
}

function answerOf(
  { metrics, readiness }: MetricsParts,
  path: string | undefined,
): Promise<readonly [status: number, type: string, text: string]> | undefined {
  switch (path) {
    case "/metrics":
      return metrics().then(({ contentType, text }) => [200, contentType, text]);
    case "/health":
      return Promise.resolve([200, "application/json", '{"status":"healthy"}']);
    case "/ready":
      return readiness().then((answer) => [
        answer.status === "ready" ? 200 : 503,
        "application/json",
        JSON.stringify(answer),
      ]);
    default:
      return undefined;
  }
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(text);
}
