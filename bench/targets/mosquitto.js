import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { BASELINE_NAME } from "../certificates.js";
import { Client, dialler } from "../generator/client.js";
import { identities } from "../modules.js";
import { accepting, freePort, run } from "./process.js";

/** How to get the peer if it is absent. */
export const INSTALL_MOSQUITTO = "not installed: apt-get install mosquitto";

/** @returns {string | undefined} the path of the installed broker */
export function findMosquitto() {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => path.join(folder, "mosquitto")).find((file) => existsSync(file));
}

/**
 * mosquitto over TLS, anonymous. With `stored`, persistence is on and an offline QoS 1 session subscribes to
 * everything, so that the broker has to keep each message: in memory, dumped to disk once a second.
 *
 * @param {import("../park.js").Context} context
 * @param {{ stored: boolean, port?: number }} options
 * @returns {Promise<import("./process.js").Target>}
 */
export async function startMosquitto(context, { stored, port: wanted }) {
  const { host } = context;
  const port = wanted ?? (await freePort(host));
  const folder = path.join(context.directory, `mosquitto-${port}`);
  mkdirSync(folder, { recursive: true });
  const config = path.join(folder, "mosquitto.conf");
  writeFileSync(config, configuration(context, { stored, port, folder }));
  const broker = run(context.mosquitto ?? "mosquitto", ["-c", config], context.pin);
  await accepting(host, port, broker.output);
  const endpoint = { host, port, ca: context.certificates.ca, serverName: BASELINE_NAME };
  const target = {
    name: stored ? "mosquitto, stored" : "mosquitto, nobody subscribed",
    endpoint,
    pid: broker.pid,
    identities: identities(context.modules, BASELINE_NAME, context.key),
    stop: broker.stop,
  };
  if (!stored) return target;
  await subscribeOffline(endpoint);
  return { ...target, afterRound: () => subscribeOffline(endpoint) };
}

/**
 * @param {import("../park.js").Context} context
 * @param {{ stored: boolean, port: number, folder: string }} options
 */
function configuration(context, { stored, port, folder }) {
  const { certFile, keyFile } = context.certificates;
  const lines = [
    `listener ${port} ${context.host}`,
    `certfile ${certFile}`,
    `keyfile ${keyFile}`,
    "allow_anonymous true",
    "set_tcp_nodelay true",
    "log_type error",
    "max_queued_messages 0",
    `persistence ${stored}`,
  ];
  if (stored) lines.push(`persistence_location ${folder}/`, "autosave_interval 1");
  // Started by root it would change to a user who cannot read the key.
  if (process.getuid?.() === 0) lines.push("user root");
  return `${lines.join("\n")}\n`;
}

/**
 * Throws the old session with its queue away and leaves a new one behind.
 *
 * @param {import("../generator/client.js").Endpoint} endpoint
 */
async function subscribeOffline(endpoint) {
  const dial = dialler(endpoint);
  const identity = {
    deviceId: "",
    moduleId: "",
    clientId: "offline",
    username: "offline",
    password: "-",
  };
  const old = new Client(dial(), identity, true);
  await old.open([]);
  await old.close();
  const session = new Client(dial(), identity, false);
  await session.open(["#"]);
  await session.close();
}
