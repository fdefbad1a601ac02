import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run, tail } from "../runner/command.js";
import { NotRun, countTests } from "../runner/outcome.js";
import { cached } from "./cache.js";

/** @typedef {import("../runner/outcome.js").Part} Part */
/** @typedef {import("../runner/hub.js").Hub} Hub */

const folder = path.join(import.meta.dirname, "..", "python");
const requirements = path.join(folder, "requirements.txt");

/** @type {Part} */
export const python = {
  name: "python",
  run: async (hub) => pytest(hub, "sdk", versions("azure-iot-device", "azure-iot-hub"), 600),
};

/** @type {Part} */
export const qpidProton = {
  name: "qpid-proton",
  run: async (hub) => pytest(hub, "amqp", versions("python-qpid-proton"), 300),
};

/**
 * What Python programs need to find and trust the hub.
 * @param {Hub} hub
 */
export function pythonEnv(hub) {
  return {
    IOTHUB_CONNECTION_STRING: hub.connectionString,
    IOTHUB_CA_FILE: hub.caFile,
    REQUESTS_CA_BUNDLE: hub.caFile,
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

/** The interpreter of a virtual environment with the pinned requirements, made at the first call. */
export async function interpreter() {
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 8);
  const venv = cached(`venv-${hash}`);
  const found = path.join(venv, "bin", "python");
  const complete = path.join(venv, "complete");
  if (existsSync(complete)) return found;
  const made = await run("python3", ["-m", "venv", "--clear", venv], { seconds: 120 });
  if (made.code !== 0)
    throw new NotRun("needs Python 3.10 or newer with venv: apt-get install python3-venv");
  const install = ["-m", "pip", "install", "--quiet", "-r", requirements];
  const installed = await run(found, install, { seconds: 300 });
  if (installed.code !== 0)
    throw new NotRun(
      `pip install -r interop/python/requirements.txt failed: ${tail(installed.output, 1)}`,
    );
  writeFileSync(complete, "");
  return found;
}

/**
 * @param {Hub} hub
 * @param {string} tests
 * @param {string} what
 * @param {number} seconds
 */
async function pytest(hub, tests, what, seconds) {
  const command = await interpreter();
  const report = path.join(cached("reports"), `${tests}.xml`);
  writeFileSync(report, "");
  const args = ["-m", "pytest", tests, `--junitxml=${report}`];
  const { code, output } = await run(command, args, { cwd: folder, env: pythonEnv(hub), seconds });
  const { passed, failed } = countTests([readFileSync(report, "utf8")]);
  // Without a report, or with one that is not the whole truth, the run itself is what failed.
  return { what, passed, failed: failed === 0 && code !== 0 ? 1 : failed, output };
}

/** @param {readonly string[]} names */
function versions(...names) {
  const pinned = readFileSync(requirements, "utf8").split("\n");
  return names
    .map((name) => pinned.find((line) => line.startsWith(`${name}==`))?.replace("==", " ") ?? name)
    .join(", ");
}
