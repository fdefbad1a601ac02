import http from "node:http";
import https from "node:https";
import type { WebhookPost } from "./app/ports.ts";

/** Connections to one server that are kept for the next request. */
const maxFreeSockets = 4;
/** How long such a connection is kept, in milliseconds. */
const idleTimeout = 15_000;

const agentOptions = { keepAlive: true, maxFreeSockets, timeout: idleTimeout };
const agents = {
  "http:": new http.Agent(agentOptions),
  "https:": new https.Agent(agentOptions),
};

/** POST over HTTP/1.1. Certificates are judged by the machine's trusted authorities. */
export const postToWebhook: WebhookPost = ({ url, headers, body, signal }) => {
  const isSecure = new URL(url).protocol === "https:";
  const request = isSecure ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: "POST",
      headers: { ...headers, "content-length": String(body.byteLength) },
      agent: isSecure ? agents["https:"] : agents["http:"],
      signal,
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      // Until its body has come, the connection is not free for the next request.
      response.resume();
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0 }));
    });
    sent.end(body);
  });
};
