// The module-twin story with the samples of each language: service creates, device listens, service changes the twin,
// and the device must print each change as its delta.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { run, tail } from "../runner/command.js";
import { javaEnv, javaVersions, maven } from "./java.js";
import { interpreter, pythonEnv } from "./python.js";

/** @typedef {import("../runner/outcome.js").Part} Part */
/** @typedef {{ service: string[], device: string[], env: NodeJS.ProcessEnv, cwd: string }} Programs */

const samples = path.join(import.meta.dirname, "..", "..", "samples");
const patience = 120;
const deltas = [
  { climate: { minTemperature: 69, maxTemperature: 77 } },
  { climate: { maxTemperature: 80 } },
  { climate: { minTemperature: null } },
];

/** @type {Part} */
export const pythonStory = {
  name: "python sample",
  async run(hub) {
    const command = await interpreter();
    const cwd = path.join(samples, "python");
    const service = [command, "service_app.py"];
    const common = { service, env: pythonEnv(hub), cwd };
    return tell("samples/python over mqtt, mqtt-ws", [
      { ...common, device: [command, "device_app.py"] },
      { ...common, device: [command, "device_app.py", "--websockets"] },
    ]);
  },
};

/** @type {Part} */
export const javaStory = {
  name: "java sample",
  async run(hub) {
    const env = await javaEnv(hub);
    const cwd = path.join(samples, "java");
    const compiled = await maven(cwd, "compile", env, 300);
    const what = "samples/java over MQTT, AMQPS";
    if (compiled.code !== 0)
      return { what, passed: 0, failed: 1, output: tail(compiled.output, 40) };
    const classes = ["-cp", `target/classes${path.delimiter}target/dependency/*`];
    const trust = [
      `-Djavax.net.ssl.trustStore=${env.IOTHUB_TRUST_STORE}`,
      // Without it, the JVM opens a PKCS#12 store and finds it empty.
      "-Djavax.net.ssl.trustStorePassword=changeit",
    ];
    const service = ["java", ...trust, ...classes, "ServiceApp"];
    return tell(
      `${what}: ${javaVersions(cwd)}`,
      ["MQTT", "AMQPS"].map((protocol) => ({
        service,
        device: ["java", ...classes, "DeviceApp", protocol],
        env,
        cwd,
      })),
    );
  },
};

/**
 * @param {string} what
 * @param {readonly Programs[]} stories
 */
async function tell(what, stories) {
  let passed = 0;
  let output = "";
  for (const programs of stories) {
    try {
      await play(programs);
      passed++;
    } catch (error) {
      output += `${programs.device.join(" ")}: ${error instanceof Error ? error.message : String(error)}\n`;
    }
  }
  return { what, passed, failed: stories.length - passed, output };
}

/** @param {Programs} programs */
async function play(programs) {
  const created = await service(programs, "create");
  const label = "module connection string: ";
  const line = created.split("\n").find((printed) => printed.startsWith(label));
  if (line === undefined) throw new Error(`the service printed no connection string:\n${created}`);

  const heard = await listen(programs, line.slice(label.length), async () => {
    const patched = await service(programs, "patch");
    if (!/reported by the module: .*"firmwareVersion": ?"1\.2\.3"/.test(patched))
      throw new Error(`the service saw no report:\n${patched}`);
  });
  check(heard);
}

/**
 * @param {Programs} programs
 * @param {string} phase
 */
async function service({ service: [command = "", ...args], cwd, env }, phase) {
  const { code, output } = await run(command, [...args, phase], { cwd, env, seconds: patience });
  if (code !== 0) throw new Error(`the service's ${phase} failed:\n${tail(output, 20)}`);
  return output;
}

/**
 * Starts the device program, calls `act` when it listens, ends it when all changes came; gives back what it printed.
 * @param {Programs} programs
 * @param {string} connectionString
 * @param {() => Promise<void>} act
 */
async function listen({ device: [command = "", ...args], cwd, env }, connectionString, act) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env, IOTHUB_MODULE_CONNECTION_STRING: connectionString },
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {string[]} */
  const lines = [];
  let errors = "";
  child.stderr.on("data", (bytes) => (errors = (errors + String(bytes)).slice(-4000)));
  const timer = setTimeout(() => child.kill("SIGKILL"), patience * 1000);
  const reader = createInterface({ input: child.stdout });
  const ended = once(child, "close");
  try {
    let changes = 0;
    for await (const line of reader) {
      lines.push(line);
      if (line === "ready for desired changes") await act();
      if (line.startsWith("desired change") && ++changes === deltas.length) child.kill("SIGTERM");
    }
    await ended;
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
  if (lines.at(-1) !== "closed")
    throw new Error(`the device program did not end well:\n${lines.join("\n")}\n${errors}`);
  return lines;
}

/** @param {readonly string[]} lines */
function check(lines) {
  const changes = lines.flatMap((line) => {
    const [, version, json] = /^desired change, version (\d+): (.*)$/.exec(line) ?? [];
    return json === undefined ? [] : [{ version: Number(version), delta: JSON.parse(json) }];
  });
  const first = changes[0]?.version ?? 0;
  const wanted = deltas.map((delta, index) => ({ version: first + index, delta }));
  if (!isDeepStrictEqual(changes, wanted))
    throw new Error(`the device printed other changes than were made:\n${lines.join("\n")}`);
}
