// `npm run bench:http`: PATCH of module twins over HTTPS, durable before the answer, 32 connections (goal 18), their GET and
// messages of modules, beside the hub without a store and Node's own https server. README.md says what the rows mean.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { BASELINE_NAME, makeCertificates } from "./certificates.js";
import { OPTIONS, printCells } from "./cells.js";
import { HttpLoad } from "./generator/http.js";
import { busyMicros, cpuMicros } from "./machine.js";
import { hubAgent, request, twinBody } from "./modules.js";
import { pass } from "./pass.js";
import { sasToken } from "./sas.js";
import { median } from "./statistics.js";
import { startHub } from "./targets/hub.js";
import { run } from "./targets/process.js";

const HOST = os.platform() === "linux" ? "127.77.66.58" : "127.0.0.1";
const CONNECTIONS = 32;
const MODULES = 1000;
const WARM_UP_MS = 500;

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
  },
});
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);

/** @typedef {{ deviceId: string, moduleId: string, password: string }} Module `password`: its token */
/** @typedef {{ perSecond: number, cpu: number, p50: number, p99: number }} Sample */
/** @typedef {{ name: string, pid: number, stop: () => Promise<void>, load: (call: Call) => HttpLoad, samples: Map<Call, Sample[]> }} Server */

/** @typedef {keyof typeof CALLS} Call */
const CALLS = {
  "PATCH twin": patchOf,
  "GET twin": getOf,
  "POST message": messageOf,
};
const NAMES = /** @type {Call[]} */ (Object.keys(CALLS));

/**
 * Requests about one module after the other.
 *
 * @param {Call} call
 * @param {readonly Module[]} modules
 * @param {string} host
 * @param {string} authorization of a service
 */
function requestsOf(call, modules, host, authorization) {
  return (/** @type {number} */ number) => {
    const module = modules[number % modules.length];
    if (module === undefined) throw new Error("there are no modules");
    return Buffer.from(CALLS[call](module, { host, authorization, number }));
  };
}

/** @typedef {{ host: string, authorization: string, number: number }} Request */

/** A change of a tag. @param {Module} module @param {Request} request */
function patchOf({ deviceId, moduleId }, { host, authorization, number }) {
  const body = JSON.stringify({ tags: { number } });
  return (
    `PATCH /twins/${deviceId}/modules/${moduleId}?api-version=2021-04-12 HTTP/1.1\r\nhost: ${host}\r\n` +
    `authorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

/** @param {Module} module @param {Request} request */
function getOf({ deviceId, moduleId }, { host, authorization }) {
  return `GET /twins/${deviceId}/modules/${moduleId}?api-version=2021-04-12 HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\n\r\n`;
}

/** By the module itself, each time another on the same connection. @param {Module} module @param {Request} request */
function messageOf({ deviceId, moduleId, password }, { host }) {
  return (
    `POST /devices/${deviceId}/modules/${moduleId}/messages/events?api-version=2021-04-12 HTTP/1.1\r\nhost: ${host}\r\n` +
    `authorization: ${password}\r\ncontent-length: ${MESSAGE.length}\r\n\r\n${MESSAGE}`
  );
}

const MESSAGE = "x".repeat(256);

/**
 * @param {string} directory
 * @param {{ ca: string, certFile: string, keyFile: string }} certificates
 * @param {string | undefined} data
 * @returns {Promise<Server & { hub: import("./targets/hub.js").HubTarget }>}
 */
async function hubOf(directory, certificates, data) {
  const hub = await startHub(
    {
      directory,
      dist: values.dist,
      host: HOST,
      modules: MODULES,
      key: randomBytes(32).toString("base64"),
      certificates,
      pin: { servers: null },
      nodeArgs: [],
      mosquitto: undefined,
    },
    { data },
  );
  const token = sasToken(hub.hostName, hub.policy.key, hub.policy.name);
  const endpoint = { ...hub.endpoint, port: hub.httpsPort };
  const load = (/** @type {Call} */ call) =>
    new HttpLoad(endpoint, CONNECTIONS, requestsOf(call, hub.identities, hub.hostName, token));
  return { name: hub.name, pid: hub.pid, load, stop: hub.stop, samples: new Map(), hub };
}

/**
 * @param {string} directory
 * @param {{ ca: string, certFile: string, keyFile: string }} certificates
 * @param {string} twin what it answers
 * @returns {Promise<Server>}
 */
async function bareOf(directory, { ca, certFile, keyFile }, twin) {
  const file = path.join(directory, "answer.json");
  writeFileSync(file, twin);
  const script = path.join(import.meta.dirname, "baselines", "https-server.js");
  const args = ["--cert", certFile, "--key", keyFile, "--listen", HOST, "--twin", file];
  const server = run(process.execPath, [script, ...args], { servers: null });
  const { port } = JSON.parse(await server.line);
  const endpoint = { host: HOST, port, ca, serverName: BASELINE_NAME };
  const modules = [{ deviceId: "d", moduleId: "m", password: "none" }];
  const load = (/** @type {Call} */ call) =>
    new HttpLoad(endpoint, CONNECTIONS, requestsOf(call, modules, BASELINE_NAME, "none"));
  return { name: "Node https", pid: server.pid, load, stop: server.stop, samples: new Map() };
}

/** Over connections of its own, which servers would close while others are measured. @param {Server} server @param {Call} call */
async function observe({ load: begin, pid, samples }, call) {
  const load = begin(call);
  load.start();
  try {
    await pass(WARM_UP_MS);
    load.mark();
    const cpu = cpuMicros(pid) ?? Number.NaN;
    const began = performance.now();
    await pass(SECONDS * 1000);
    const { count, p50, p99 } = load.mark();
    const seconds = (performance.now() - began) / 1000;
    const used = (cpuMicros(pid) ?? Number.NaN) - cpu;
    const sample = { perSecond: count / seconds, cpu: used / count, p50, p99 };
    samples.set(call, [...(samples.get(call) ?? []), sample]);
  } finally {
    load.close();
  }
}

/** @param {string} directory */
async function measure(directory) {
  const certificates = await makeCertificates(values.dist, directory);
  /** @type {Server[]} */
  const servers = [];
  try {
    const disk = await hubOf(directory, certificates, path.join(directory, "hub"));
    servers.push(disk, await hubOf(directory, certificates, undefined));
    const [{ deviceId, moduleId }] = /** @type {[import("./generator/client.js").Identity]} */ (
      disk.hub.identities
    );
    const agent = hubAgent(disk.hub);
    const url = `/twins/${deviceId}/modules/${moduleId}`;
    const { text } = await request(disk.hub, agent, "GET", url).catch(() => ({ text: twinBody() }));
    agent.destroy();
    servers.push(await bareOf(directory, certificates, text));
    for (let round = 0; round < ROUNDS; round++)
      for (const call of NAMES) for (const one of servers) await observe(one, call);
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()));
  }
  return NAMES.flatMap((call) => rowsOf(call, servers));
}

/** @param {Call} call @param {readonly Server[]} servers the baseline last */
function rowsOf(call, servers) {
  const rows = servers.map(({ name, samples }) => {
    const taken = samples.get(call) ?? [];
    const of = (/** @type {keyof Sample} */ value) => median(taken.map((one) => one[value]));
    return { name, perSecond: of("perSecond"), cpu: of("cpu"), p50: of("p50"), p99: of("p99") };
  });
  const base = rows.at(-1);
  return rows.map(({ name, perSecond, cpu, p50, p99 }) => ({
    call,
    server: name,
    "calls/s": perSecond,
    "server CPU, µs per call": cpu,
    "p50, ms": p50,
    "p99, ms": p99,
    "rate against Node https": perSecond / (base?.perSecond ?? Number.NaN),
    "CPU against it": cpu / (base?.cpu ?? Number.NaN),
  }));
}

mkdirSync(values.data, { recursive: true });
const directory = mkdtempSync(path.join(path.resolve(values.data), "bench-"));
try {
  const busy = busyMicros() ?? Number.NaN;
  const since = performance.now();
  const cells = await measure(directory);
  const cores = ((busyMicros() ?? Number.NaN) - busy) / (performance.now() - since) / 1000;
  const effort = `Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s, ${CONNECTIONS} connections.`;
  printCells("http", cells, { directory, json: values.json, effort, cores });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
