import path from "node:path";

import { BASELINE_NAME } from "../certificates.js";
import { identities } from "../modules.js";
import { run } from "./process.js";

/** Why it cannot be measured, if so. */
export function aedesMissing() {
  try {
    import.meta.resolve("aedes");
    return undefined;
  } catch {
    return "not installed: npm ci";
  }
}

/**
 * The broker of baselines/aedes-server.js.
 *
 * @param {import("../park.js").Context} context
 * @returns {Promise<import("./process.js").Target>}
 */
export async function startAedes(context) {
  const { certFile, keyFile, ca } = context.certificates;
  const { host } = context;
  const script = path.join(import.meta.dirname, "..", "baselines", "aedes-server.js");
  const args = ["--cert", certFile, "--key", keyFile, "--listen", host];
  const server = run(process.execPath, [script, ...args], context.pin);
  const { port } = JSON.parse(await server.line);
  return {
    name: "aedes",
    endpoint: { host, port, ca, serverName: BASELINE_NAME },
    pid: server.pid,
    identities: identities(context.modules, BASELINE_NAME, context.key),
    stop: server.stop,
  };
}
