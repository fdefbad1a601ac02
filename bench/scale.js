// `npm run bench:scale`: the same durable twin updates, memory and start with 1,000, 10,000 and 100,000 registered
// modules (goals 15, 16 and the second half of 12). One hub for each size, measured in turn. README.md says what the rows mean.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { OPTIONS, printCells } from "./cells.js";
import { Client, dialler } from "./generator/client.js";
import { Generator } from "./generator/generator.js";
import { busyMicros, cpuMicros, residentKiB } from "./machine.js";
import { identities, registerModules } from "./modules.js";
import { pass } from "./pass.js";
import { median } from "./statistics.js";
import { startHub } from "./targets/hub.js";

/** @typedef {import("./targets/hub.js").HubTarget} HubTarget */

const HOST = os.platform() === "linux" ? "127.77.66.57" : "127.0.0.1";
/** So many modules, spread over all, report with one patch in flight each. */
const CONNECTED = 1000;
const WARM_UP_MS = 500;
const SETTLE_MS = 1000;

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    sizes: { type: "string", default: "1000,10000,100000" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
  },
});
const SIZES = values.sizes.split(",").map(Number);
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);

/**
 * @param {string} directory
 * @param {number} size
 * @param {string} key
 */
async function prepared(directory, size, key) {
  const context = {
    directory,
    dist: values.dist,
    host: HOST,
    // One token is made at the start; those of the load later, apart from its time.
    modules: 1,
    key,
    certificates: { ca: "", certFile: "", keyFile: "" },
    pin: { servers: null },
    nodeArgs: [],
    mosquitto: undefined,
  };
  const data = path.join(directory, String(size));
  const start = () => startHub(context, { data, register: false });
  const hub = await start();
  await registerModules(hub, size, key);
  await hub.stop();
  process.stderr.write(`${size} modules are registered\n`);
  return { size, start };
}

/** From the start of the process to the first CONNACK. @param {() => Promise<HubTarget>} start */
async function timedStart(start) {
  const began = performance.now();
  const hub = await start();
  const [identity] = hub.identities;
  if (identity === undefined) throw new Error("no identity to connect with");
  const client = new Client(dialler(hub.endpoint)(), identity);
  const code = await client.open([]);
  const ms = performance.now() - began;
  await client.close();
  if (code !== 0) throw new Error(`CONNACK ${code}`);
  return { hub, ms };
}

/**
 * @param {Generator} generator
 * @param {string} group
 * @param {HubTarget} hub
 */
async function patches(generator, group, { pid }) {
  await generator.start(group, "patch", 1);
  await pass(WARM_UP_MS);
  await generator.mark(group);
  const cpu = cpuMicros(pid) ?? Number.NaN;
  await pass(SECONDS * 1000);
  const { count, perSecond, p99 } = await generator.mark(group);
  const used = (cpuMicros(pid) ?? Number.NaN) - cpu;
  await generator.stop(group);
  return { perSecond, cpu: used / count, p99: p99 / 1000 };
}

/** @param {string} directory */
async function measure(directory) {
  const key = randomBytes(32).toString("base64");
  const hubs = [];
  for (const size of SIZES) hubs.push(await prepared(directory, size, key));
  /** @type {Map<number, number[]>} */
  const starts = new Map(SIZES.map((size) => [size, []]));
  for (let round = 1; round < ROUNDS; round++)
    for (const { size, start } of hubs) {
      const { hub, ms } = await timedStart(start);
      starts.get(size)?.push(ms);
      await hub.stop();
    }
  const generator = new Generator(1);
  const running = [];
  try {
    for (const { size, start } of hubs) {
      const { hub, ms } = await timedStart(start);
      starts.get(size)?.push(ms);
      await pass(SETTLE_MS);
      const kiB = residentKiB(hub.pid) ?? Number.NaN;
      running.push({ size, hub, kiB, group: String(size), samples: samplesOf() });
    }
    for (const { size, hub, group } of running) {
      const step = Math.max(1, Math.floor(size / CONNECTED));
      const all = identities(size, hub.hostName, key);
      const some = all.filter((_, index) => index % step === 0).slice(0, CONNECTED);
      await generator.open(group, hub.endpoint, some, ["$iothub/twin/res/#"]);
    }
    for (let round = 0; round < ROUNDS; round++)
      for (const { hub, group, samples } of running)
        samples.push(await patches(generator, group, hub));
  } finally {
    for (const { hub } of running) await hub.stop();
    await generator.end();
  }
  const rows = running.map(({ size, kiB, samples }) => ({
    size,
    kiB,
    perSecond: median(samples.map((one) => one.perSecond)),
    cpu: median(samples.map((one) => one.cpu)),
    p99: median(samples.map((one) => one.p99)),
    start: median(starts.get(size) ?? []),
  }));
  const [base] = rows;
  return rows.map(({ size, kiB, perSecond, cpu, p99, start }) => ({
    modules: size,
    "patches/s": perSecond,
    "hub CPU, µs per patch": cpu,
    "p99, ms": p99,
    "rate against the smallest": perSecond / (base?.perSecond ?? Number.NaN),
    "CPU against it": cpu / (base?.cpu ?? Number.NaN),
    "resident after a start, MiB": kiB / 1024,
    "more than the smallest, MiB": (kiB - (base?.kiB ?? Number.NaN)) / 1024,
    "start to first CONNACK, ms": start,
  }));
}

/** @returns {{ perSecond: number, cpu: number, p99: number }[]} */
function samplesOf() {
  return [];
}

mkdirSync(values.data, { recursive: true });
const directory = mkdtempSync(path.join(path.resolve(values.data), "bench-"));
try {
  const busy = busyMicros() ?? Number.NaN;
  const since = performance.now();
  const cells = await measure(directory);
  const cores = ((busyMicros() ?? Number.NaN) - busy) / (performance.now() - since) / 1000;
  const effort = `Medians of ${ROUNDS} interleaved rounds of ${SECONDS} s.`;
  printCells("scale", cells, { directory, json: values.json, effort, cores });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
