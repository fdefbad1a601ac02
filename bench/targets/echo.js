import { writeFileSync } from "node:fs";
import path from "node:path";

import { BASELINE_NAME } from "../certificates.js";
import { identities, twinBody } from "../modules.js";
import { run } from "./process.js";

/**
 * The bare Node server of baselines/echo-server.js.
 *
 * @param {import("../park.js").Context} context
 * @param {{ port?: number }} [options]
 * @returns {Promise<import("./process.js").Target>}
 */
export async function startEcho(context, { port = 0 } = {}) {
  const twinFile = path.join(context.directory, "twin.json");
  writeFileSync(twinFile, twinBody());
  const { ca, certFile, keyFile } = context.certificates;
  const { host } = context;
  const script = path.join(import.meta.dirname, "..", "baselines", "echo-server.js");
  const args = ["--cert", certFile, "--key", keyFile, "--listen", host, "--twin", twinFile];
  const server = run(process.execPath, [script, ...args, "--port", String(port)], context.pin);
  const { ports } = JSON.parse(await server.line);
  return {
    name: "Node echo",
    endpoint: { host, port: ports.mqtts, ca, serverName: BASELINE_NAME },
    plainEndpoint: { host, port: ports.mqtt, ca: null, serverName: BASELINE_NAME },
    pid: server.pid,
    identities: identities(context.modules, BASELINE_NAME, context.key),
    stop: server.stop,
  };
}
