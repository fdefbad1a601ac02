import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

import { hubAgent, identities, registerModules, request } from "../modules.js";
import { run } from "./process.js";

/** @typedef {import("./process.js").Target & { hostName: string, httpsPort: number, amqpsPort: number, policy: { name: string, key: string } }} HubTarget */

/** A name rather than an address: clients then say it in the handshake, as devices do. */
const HOST_NAME = "benchmark.test";

/** @param {import("../park.js").Context} context */
function commandOf(context) {
  return path.join(context.dist, "cli", "main.js");
}

/**
 * Why the hub cannot be measured, if so.
 *
 * @param {import("../park.js").Context} context
 */
export function hubMissing(context) {
  return existsSync(commandOf(context)) ? undefined : "not built: npm run build";
}

/**
 * The hub itself. `data` = undefined keeps everything in memory.
 *
 * @param {import("../park.js").Context} context
 * @param {{ data: string | undefined, register?: boolean }} options
 * @returns {Promise<HubTarget>}
 */
export async function startHub(context, { data, register = true }) {
  const args = [
    ...context.nodeArgs,
    commandOf(context),
    "start",
    ...(data === undefined ? ["--memory"] : ["--data", data]),
    "--listen",
    context.host,
    "--host-name",
    HOST_NAME,
    "--https-port=0",
    "--amqps-port=0",
    "--mqtts-port=0",
    "--output",
    "json",
  ];
  const server = run(process.execPath, args, context.pin);
  const ready = JSON.parse(await server.line);
  const fields = connectionString(ready.connectionString);
  const hostName = ready.hostName;
  const hub = {
    name: data === undefined ? "twinhub --memory" : "twinhub",
    hostName,
    httpsPort: ready.ports.https,
    amqpsPort: ready.ports.amqps,
    policy: { name: fields["SharedAccessKeyName"] ?? "", key: fields["SharedAccessKey"] ?? "" },
    endpoint: {
      host: context.host,
      port: ready.ports.mqtts,
      ca: readFileSync(ready.caFile, "utf8"),
      serverName: hostName,
    },
    pid: server.pid,
    identities: identities(context.modules, hostName, context.key),
    stop: server.stop,
    settle: async () => {
      const agent = hubAgent(hub);
      await request(hub, agent, "GET", "/health");
      agent.destroy();
    },
  };
  if (register) await registerModules(hub, context.modules, context.key);
  return hub;
}

/**
 * @param {string} text `name=value` pairs, separated by semicolons
 * @returns {Record<string, string>}
 */
function connectionString(text) {
  return Object.fromEntries(
    text.split(";").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}
