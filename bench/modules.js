// The identities that the load clients use, and their registration in a hub over its public REST API.
import https from "node:https";

import { sasToken } from "./sas.js";

/** @typedef {import("./generator/client.js").Identity} Identity */

const API_VERSION = "2021-04-12";
/** A device may have 50 modules. */
const MODULES_PER_DEVICE = 40;
const ENTRIES_PER_REQUEST = 100;

/** @param {number} index */
function keyOf(index) {
  const deviceId = `bench-${Math.floor(index / MODULES_PER_DEVICE)}`;
  return { deviceId, moduleId: `module-${index % MODULES_PER_DEVICE}` };
}

/**
 * Identities with a token for the host, in the form in which a module's SDK would connect.
 *
 * @param {number} count
 * @param {string} hostName
 * @param {string} key Base64, the same for all
 * @returns {Identity[]}
 */
export function identities(count, hostName, key) {
  return Array.from({ length: count }, (_, index) => {
    const { deviceId, moduleId } = keyOf(index);
    return {
      deviceId,
      moduleId,
      clientId: `${deviceId}/${moduleId}`,
      username: `${hostName}/${deviceId}/${moduleId}/?api-version=${API_VERSION}`,
      password: sasToken(`${hostName}/devices/${deviceId}/modules/${moduleId}`, key),
    };
  });
}

/** Desired and reported properties of a module at the start: about 1 KB, as a configured module has. */
export const twin = {
  desired: {
    telemetry: { interval: "PT30S", enabled: true, level: "information" },
    channels: Array.from({ length: 8 }, (_, index) => ({
      name: `channel-${index}`,
      unit: "celsius",
      limit: 80 + index,
    })),
  },
  reported: {
    firmware: { version: "1.4.2", build: "20301231.7", installed: "2030-12-31T10:00:00Z" },
    network: { address: "10.1.2.3", gateway: "10.1.2.1", signal: -61 },
    battery: 100,
    status: { temperature: 21.5, uptime: 86400, restarts: 2 },
  },
};

/** The body of a twin GET over MQTT, for the server that answers fixed bytes. */
export function twinBody() {
  const { desired, reported } = twin;
  return JSON.stringify({
    desired: { ...desired, $version: 1 },
    reported: { ...reported, $version: 123456 },
  });
}

/**
 * Registers the devices and their modules with their twins.
 *
 * @param {import("./targets/hub.js").HubTarget} hub
 * @param {number} count modules
 * @param {string} key Base64
 * @param {(index: number) => object} [vary] more reported properties of each
 */
export async function registerModules(hub, count, key, vary = () => ({})) {
  const authentication = {
    type: "sas",
    symmetricKey: { primaryKey: key, secondaryKey: key },
  };
  const modules = Array.from({ length: count }, (_, index) => keyOf(index));
  const devices = [...new Set(modules.map(({ deviceId }) => deviceId))];
  const entries = [
    ...devices.map((id) => ({ id, importMode: "create", status: "enabled", authentication })),
    ...modules.map(({ deviceId, moduleId }, index) => ({
      id: deviceId,
      moduleId,
      importMode: "create",
      authentication,
      tags: { site: "plant-1", line: moduleId },
      properties: { ...twin, reported: { ...twin.reported, ...vary(index) } },
    })),
  ];
  const agent = hubAgent(hub);
  for (let at = 0; at < entries.length; at += ENTRIES_PER_REQUEST)
    await request(hub, agent, "POST", "/devices", entries.slice(at, at + ENTRIES_PER_REQUEST));
  agent.destroy();
}

/** One connection that stays open. @param {import("./targets/hub.js").HubTarget} hub */
export function hubAgent(hub) {
  return new https.Agent({ keepAlive: true, maxSockets: 1, ca: hub.endpoint.ca ?? undefined });
}

/**
 * A request of the REST API as the owner.
 *
 * @param {import("./targets/hub.js").HubTarget} hub
 * @param {https.Agent} agent
 * @param {string} method
 * @param {string} path
 * @param {object} [content]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ headers: import("node:http").IncomingHttpHeaders, text: string }>}
 */
export function request(hub, agent, method, path, content, headers = {}) {
  const body = content === undefined ? "" : JSON.stringify(content);
  return new Promise((resolve, reject) => {
    const sent = https.request(
      {
        agent,
        host: hub.endpoint.host,
        port: hub.httpsPort,
        servername: hub.endpoint.serverName,
        method,
        path: `${path}${path.includes("?") ? "&" : "?"}api-version=${API_VERSION}`,
        headers: {
          host: hub.hostName,
          authorization: sasToken(hub.hostName, hub.policy.key, hub.policy.name),
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...headers,
        },
      },
      (response) => {
        /** @type {Buffer[]} */
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => {
          const text = Buffer.concat(parts).toString();
          const { statusCode = 0 } = response;
          if (statusCode < 300) resolve({ headers: response.headers, text });
          else reject(new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 300)}`));
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
