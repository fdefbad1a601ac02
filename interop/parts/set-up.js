// The programs that the portal's overview shows, run as they are shown: a module reads its twin and reports, a service
// reads the report. Those for Node, curl and mosquitto run in test/portal.
import { copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { run, tail } from "../runner/command.js";
import { cached } from "./cache.js";
import { javaEnv, javaVersions, maven } from "./java.js";
import { interpreter, pythonEnv } from "./python.js";

/** @typedef {import("../runner/outcome.js").Part} Part */
/** @typedef {import("../runner/hub.js").Hub} Hub */

const root = path.join(import.meta.dirname, "..", "..");
const programs = path.join(root, "portal", "src", "pages", "overview", "programs");

/** @type {Part} */
export const pythonSetUp = {
  name: "python set-up",
  async run(hub) {
    const python = await interpreter();
    const { directory, env } = await prepare(hub, ["module.py", "service.py"]);
    return follow("the overview's module.py and service.py", directory, {
      env: { ...pythonEnv(hub), ...env },
      lines: [
        [python, "module.py"],
        [python, "service.py"],
      ],
      expected: /desired: [^]*reported: .*'language': 'Python'/,
    });
  },
};

/** @type {Part} */
export const javaSetUp = {
  name: "java set-up",
  async run(hub) {
    const trusting = await javaEnv(hub);
    const sample = path.join(root, "samples", "java");
    const what = `the overview's Module.java: ${javaVersions(sample)}`;
    const compiled = await maven(sample, "compile", trusting, 300);
    if (compiled.code !== 0)
      return { what, passed: 0, failed: 1, output: tail(compiled.output, 40) };
    const { directory, env } = await prepare(hub, ["Module.java"]);
    symlinkSync(path.join(sample, "target", "dependency"), path.join(directory, "lib"));
    const store = ["-keystore", "trust.p12", "-storetype", "PKCS12", "-storepass", "changeit"];
    const pem = ["-alias", "hub", "-file", "twinhub-ca.pem"];
    const trust = "-Djavax.net.ssl.trustStore=trust.p12";
    const password = "-Djavax.net.ssl.trustStorePassword=changeit";
    return follow(what, directory, {
      env,
      lines: [
        ["keytool", "-importcert", "-noprompt", ...pem, ...store],
        ["java", trust, password, "-cp", "lib/*", "Module.java"],
      ],
      expected: /desired: \{/,
      // Now and then this SDK loses an answer that has come, in a race of its own threads, and waits for ever.
      attempts: 3,
    });
  },
};

/**
 * A directory as somebody has it who follows the page, and the module m1 of the device d1.
 * @param {Hub} hub
 * @param {readonly string[]} files
 */
async function prepare(hub, files) {
  const directory = cached("set-up");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const file of files) copyFileSync(path.join(programs, file), path.join(directory, file));
  copyFileSync(hub.caFile, path.join(directory, "twinhub-ca.pem"));
  await twinhub(hub, ["device-identity", "create", "-d", "d1"], true);
  await twinhub(hub, ["module-identity", "create", "-d", "d1", "-m", "m1"], true);
  const show = ["module-identity", "connection-string", "show", "-d", "d1", "-m", "m1"];
  /** @type {{ connectionString: string }} */
  const { connectionString } = JSON.parse(await twinhub(hub, show, false));
  return { directory, env: { IOTHUB_MODULE_CONNECTION_STRING: connectionString } };
}

/**
 * @param {Hub} hub
 * @param {readonly string[]} args
 * @param {boolean} mayExist what it makes may be there from an earlier part
 */
async function twinhub(hub, args, mayExist) {
  const login = ["--login", hub.connectionString, "--ca", hub.caFile];
  const main = path.join(root, "dist", "cli", "main.js");
  const { code, output } = await run(process.execPath, [main, ...args, ...login], { seconds: 120 });
  if (code !== 0 && !mayExist) throw new Error(tail(output, 5));
  return output;
}

/**
 * @param {string} what
 * @param {string} cwd
 * @param {{ env: NodeJS.ProcessEnv, lines: readonly (readonly string[])[], expected: RegExp, attempts?: number }} steps
 */
async function follow(what, cwd, { env, lines, expected, attempts = 1 }) {
  let output = "";
  for (const [command = "", ...args] of lines) {
    const seconds = 120 / attempts;
    let done = await run(command, args, { cwd, env, seconds });
    output += done.output;
    for (let left = attempts - 1; left > 0 && done.output.includes("\nended after"); left--) {
      done = await run(command, args, { cwd, env, seconds });
      output += done.output;
    }
    if (done.code !== 0) return { what, passed: 0, failed: 1, output };
  }
  const passed = expected.test(output) ? 1 : 0;
  return { what, passed, failed: 1 - passed, output };
}
