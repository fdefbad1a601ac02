// Requests over HTTPS to one hub, over connections that stay open.
import https from "node:https";

const API_VERSION = "2021-04-12";

/** @typedef {{ status: number, text: string, headers: import("node:http").IncomingHttpHeaders }} Answer */

export class Rest {
  #hub;
  #agent;

  /** @param {import("./hub.js").SoakHub} hub @param {number} maxSockets */
  constructor(hub, maxSockets) {
    this.#hub = hub;
    this.#agent = new https.Agent({ keepAlive: true, maxSockets, ca: hub.ca });
  }

  /**
   * Rejects when there is no answer.
   *
   * @param {string} method
   * @param {string} path
   * @param {{ body?: string | undefined, authorization?: string, type?: string, headers?: Record<string, string> }} [options]
   * @returns {Promise<Answer>}
   */
  call(
    method,
    path,
    { body = "", authorization = this.#hub.token, type = "application/json", headers = {} } = {},
  ) {
    const { host, hostName, ports } = this.#hub;
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          agent: this.#agent,
          host,
          port: ports.https,
          servername: hostName,
          method,
          path: `${path}${path.includes("?") ? "&" : "?"}api-version=${API_VERSION}`,
          headers: {
            host: hostName,
            authorization,
            "content-type": type,
            "content-length": Buffer.byteLength(body),
            ...headers,
          },
        },
        (response) => {
          /** @type {Buffer[]} */
          const parts = [];
          response.on("data", (part) => parts.push(part));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(parts).toString();
            resolve({ status: response.statusCode ?? 0, text, headers: response.headers });
          });
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  /** A response that is never read to its end. @param {string} path */
  open(path) {
    const { host, hostName, ports, token: authorization, ca } = this.#hub;
    const headers = { host: hostName, authorization, accept: "text/event-stream" };
    const request = https.get(
      { host, port: ports.https, servername: hostName, ca, path, headers },
      (response) => response.pause(),
    );
    request.on("error", () => {});
    return request;
  }

  close() {
    this.#agent.destroy();
  }
}
