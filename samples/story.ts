/**
 * Runs the module-twin story: a hub, the service application, the device application, and a check of what the device
 * application has printed. With IOTHUB_CONNECTION_STRING set it starts no hub and uses that one.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { freeAddress, startHubProcess } from "./hub-process.ts";
import { startProgram, within } from "./lines.ts";
import type { Program } from "./lines.ts";

const folder = import.meta.dirname;
const hubMain = path.join(folder, "..", "..", "dist", "cli", "main.js");
const patience = 120;

/** What the device application prints for the three changes of the service application; `#` is the `$version`. */
const expected = [
  'desired change, version #: {"climate":{"minTemperature":69,"maxTemperature":77}}',
  'climate: {"minTemperature":69,"maxTemperature":77}',
  "climate.maxTemperature: 77",
  'desired change, version #: {"climate":{"maxTemperature":80}}',
  'climate: {"maxTemperature":80}',
  "climate.maxTemperature: 80",
  'desired change, version #: {"climate":{"minTemperature":null}}',
  'climate: {"minTemperature":null}',
];

const { values } = parseArgs({ options: { protocol: { type: "string", default: "mqtt" } } });
const began = performance.now();
const hub = await openHub();
try {
  await tell(hub.env, values.protocol);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  say("story", `done in ${seconds} s over ${values.protocol}: each change arrived as its delta`);
} catch (error) {
  say("story", `failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await hub.close();
}

interface OpenHub {
  /** The settings of the two applications. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

async function openHub(): Promise<OpenHub> {
  if (process.env["IOTHUB_CONNECTION_STRING"] !== undefined) {
    say("story", "uses the hub of IOTHUB_CONNECTION_STRING");
    return { env: process.env, close: async () => undefined };
  }
  const started = await startHubProcess(hubMain, await freeAddress(), [
    "--memory",
    "--log-level",
    "warn",
  ]);
  say("story", `started a hub in memory at ${started.hostName}`);
  return {
    env: {
      ...process.env,
      IOTHUB_REGISTRY_CONNECTION_STRING: started.connectionStrings["registryReadWrite"],
      IOTHUB_SERVICE_CONNECTION_STRING: started.connectionStrings["service"],
      NODE_EXTRA_CA_CERTS: started.caFile,
    },
    close: async () => {
      const code = await started.stop();
      if (code !== 0) throw new Error(`the hub ended with ${code ?? "a signal"}`);
    },
  };
}

async function tell(env: NodeJS.ProcessEnv, protocol: string): Promise<void> {
  const created = await service(env, "create");
  const device = startProgram([path.join(folder, "device-app.js"), "--protocol", protocol], {
    env: { ...env, IOTHUB_MODULE_CONNECTION_STRING: moduleConnectionString(created) },
    echo: (line) => say("device", line),
  });
  try {
    const ready = device.line((line) => line === "ready for desired changes");
    await within(patience, "the device application", ready);
    const patched = await service(env, "patch");
    const last = device.line((line) => line === expected.at(-1));
    await within(patience, "the last change", last);
    checkService(patched);
  } finally {
    device.kill("SIGTERM");
    await within(patience, "the device application to end", device.ended);
  }
  checkDevice(device);
}

async function service(env: NodeJS.ProcessEnv, phase: string): Promise<Program> {
  const program = startProgram([path.join(folder, "service-app.js"), phase], {
    env,
    echo: (line) => say("service", line),
  });
  const code = await within(patience, `service-app ${phase}`, program.ended);
  if (code !== 0) throw new Error(`service-app ${phase} ended with ${code ?? "a signal"}`);
  return program;
}

function moduleConnectionString(created: Program): string {
  const label = "module connection string: ";
  const line = created.lines.find((printed) => printed.startsWith(label));
  if (line === undefined) throw new Error("service-app create printed no module connection string");
  return line.slice(label.length);
}

function checkService(patched: Program): void {
  for (const wanted of ["refused with 412 InvalidEtagError", '"firmwareVersion":"1.2.3"']) {
    if (!patched.lines.some((line) => line.includes(wanted))) {
      throw new Error(`service-app patch did not print ${wanted}`);
    }
  }
}

/** The lines after "ready" must be the expected ones, no more and no less, with versions that follow each other. */
function checkDevice(device: Program): void {
  const heard = device.lines.slice(device.lines.indexOf("ready for desired changes") + 1);
  const first = Number(/^desired change, version (\d+)/.exec(heard[0] ?? "")?.[1]);
  let version = first;
  const wanted = [
    ...expected.map((line) => (line.includes("#") ? line.replace("#", String(version++)) : line)),
    "closed",
  ];
  for (const [index, line] of wanted.entries()) {
    if (heard[index] === line) continue;
    throw new Error(`the device printed '${heard[index] ?? "nothing"}' instead of '${line}'`);
  }
  if (heard.length > wanted.length) throw new Error(`the device printed more: ${heard.at(-1)}`);
}

function say(who: string, line: string): void {
  console.log(`${`[${who}]`.padEnd(9)} ${line}`);
}
