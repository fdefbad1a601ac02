// `npm run bench:queries`: registers modules in a hub of its own, asks it queries over HTTPS, alone and beside reported
// patches, and prints one Markdown table. README.md says what the rows mean.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { Generator } from "./generator/generator.js";
import { LOOP_PROBE, loopDelay } from "./loop.js";
import { busyMicros, cpuMicros, describeMachine, residentKiB } from "./machine.js";
import { hubAgent, registerModules, request } from "./modules.js";
import { number, writeQueries } from "./report.js";
import { median } from "./statistics.js";
import { startHub } from "./targets/hub.js";

/** @typedef {import("./targets/hub.js").HubTarget} HubTarget */

const HOST = os.platform() === "linux" ? "127.77.66.56" : "127.0.0.1";
const GROUP = "patches";
const PATCHERS = 50;

const { values } = parseArgs({
  options: {
    modules: { type: "string", default: "100000" },
    rounds: { type: "string", default: "15" },
    data: { type: "string", default: "data" },
    dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
    write: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    "hub-arg": { type: "string", multiple: true, default: [] },
  },
});
const MODULES = Number(values.modules);
const ROUNDS = Number(values.rounds);

/** @param {number} index */
const vary = (index) => ({ serial: `sn-${index}`, load: index, model: `model-${index % 20}` });

const count = (/** @type {string} */ where) =>
  `SELECT COUNT() AS n FROM devices.modules WHERE properties.reported.${where}`;
const show = (/** @type {string} */ where) =>
  `SELECT * FROM devices.modules WHERE properties.reported.${where}`;

const SERIAL = show(`serial = 'sn-${Math.floor(MODULES / 2)}'`);
const RANGE = show(`load >= ${MODULES - 100}`);
/** @type {readonly { name: string, query: string, pages?: "all", indexed?: boolean }[]} */
const QUESTIONS = [
  { name: "first page of 100, no condition", query: "SELECT * FROM devices.modules" },
  { name: "first page of 100, half match", query: show("load % 2 = 0") },
  { name: "filter + count, 5 % match", query: count("model = 'model-7'") },
  {
    name: "GROUP BY with 20 groups",
    query:
      "SELECT properties.reported.model, COUNT() AS n FROM devices.modules GROUP BY properties.reported.model",
  },
  { name: "one of all by value", query: SERIAL },
  { name: "one of all by value, indexed", query: SERIAL, indexed: true },
  { name: "100 of all by range", query: RANGE },
  { name: "100 of all by range, indexed", query: RANGE, indexed: true },
  { name: "all, by pages of 1000", query: "SELECT * FROM devices.modules", pages: "all" },
];

/** Those whose names begin so. */
const chosen = QUESTIONS.filter(
  ({ name }) => values.only.length === 0 || values.only.some((start) => name.startsWith(start)),
);

/** One query, from the request to the last byte of its answer. */
class Asker {
  /** @param {HubTarget} hub */
  constructor(hub) {
    this.hub = hub;
    this.agent = hubAgent(hub);
  }

  /**
   * @param {string} query
   * @param {"all" | undefined} pages
   * @returns {Promise<number>} milliseconds
   */
  async ask(query, pages) {
    const began = performance.now();
    /** @type {string | undefined} */
    let token;
    do {
      const { headers } = await request(
        this.hub,
        this.agent,
        "POST",
        "/devices/query",
        { query },
        {
          "x-ms-max-item-count": pages === "all" ? "1000" : "100",
          ...(token === undefined ? {} : { "x-ms-continuation": token }),
        },
      );
      const next = headers["x-ms-continuation"];
      token = pages === "all" && typeof next === "string" ? next : undefined;
    } while (token !== undefined);
    return performance.now() - began;
  }
}

/**
 * @param {Asker} asker
 * @param {typeof QUESTIONS[number]} question
 * @param {string} file
 */
async function measure(asker, { query, pages }, file) {
  const { pid } = asker.hub;
  await asker.ask(query, pages);
  await loopDelay(pid, file);
  const rounds = pages === "all" ? 2 : ROUNDS;
  const cpu = cpuMicros(pid) ?? Number.NaN;
  /** @type {number[]} */
  const times = [];
  for (let round = 0; round < rounds; round++) times.push(await asker.ask(query, pages));
  const used = ((cpuMicros(pid) ?? Number.NaN) - cpu) / rounds / 1000;
  const { p99, max } = await loopDelay(pid, file);
  return { ms: median(times), worst: Math.max(...times), cpuMs: used, p99, max };
}

async function main() {
  mkdirSync(values.data, { recursive: true });
  const directory = mkdtempSync(path.join(path.resolve(values.data), "bench-"));
  const file = path.join(directory, "loop.json");
  process.env["BENCH_LOOP_DELAY"] = file;
  process.env["BENCH_LOOP_RESOLUTION"] = "1";
  const key = randomBytes(32).toString("base64");
  const context = {
    directory,
    dist: values.dist,
    host: HOST,
    modules: PATCHERS,
    key,
    certificates: { ca: "", certFile: "", keyFile: "" },
    pin: { servers: null },
    nodeArgs: [...values["hub-arg"], ...LOOP_PROBE],
    mosquitto: undefined,
  };
  const data = path.join(directory, "hub");
  const generator = new Generator(1);
  let hub = await startHub(context, { data, register: false });
  try {
    const idle = residentKiB(hub.pid) ?? Number.NaN;
    const began = performance.now();
    await registerModules(hub, MODULES, key, vary);
    process.stderr.write(`registered in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
    await hub.stop();
    hub = await startHub(context, { data, register: false });
    const filled = residentKiB(hub.pid) ?? Number.NaN;
    const asker = new Asker(hub);
    const rows = [];
    const busy = busyMicros() ?? Number.NaN;
    const since = performance.now();
    for (const question of chosen) {
      if (question.indexed === true) await indexes(asker, "POST");
      const quiet = await measure(asker, question, file);
      await generator.open(GROUP, hub.endpoint, hub.identities, ["$iothub/twin/res/#"]);
      await generator.start(GROUP, "patch", 1);
      const beside = await measure(asker, question, file);
      const sample = await generator.mark(GROUP);
      await generator.stop(GROUP);
      await generator.close(GROUP);
      if (question.indexed === true) await indexes(asker, "DELETE");
      rows.push({ ...question, quiet, beside, patches: sample.perSecond });
      process.stderr.write(
        `${question.name}: ${quiet.ms.toFixed(1)} ms, ${beside.ms.toFixed(1)} ms\n`,
      );
    }
    const cores = ((busyMicros() ?? Number.NaN) - busy) / (performance.now() - since) / 1000;
    const build = await indexes(asker, "POST");
    asker.agent.destroy();
    const text = markdown(directory, rows, { idle, filled, build, cores });
    if (values.json) printCells(describeMachine(directory), rows);
    else process.stdout.write(`${text}\n`);
    if (values.write) writeQueries(text);
  } finally {
    await hub.stop();
    await generator.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Declares the two indexes, or drops them.
 *
 * @param {Asker} asker
 * @param {"POST" | "DELETE"} method
 * @returns {Promise<number>} milliseconds for each
 */
async function indexes({ hub, agent }, method) {
  const began = performance.now();
  for (const name of ["serial", "load"]) {
    const at = `properties.reported.${name}`;
    const url = `/$hub/indexes${method === "POST" ? "" : `?path=${at}`}`;
    await request(hub, agent, method, url, method === "POST" ? { path: at } : undefined);
  }
  return (performance.now() - began) / 2;
}

/**
 * One line for each question, alone and beside patches.
 *
 * @param {ReturnType<typeof describeMachine>} machine
 * @param {readonly any[]} rows
 */
function printCells(machine, rows) {
  for (const { name, query, quiet, beside, patches } of rows)
    for (const [load, { ms, worst, cpuMs, p99, max }] of Object.entries({ quiet, beside })) {
      const cell = { bench: "query", row: name, query, load, modules: MODULES };
      const loop = { loopP99Ms: p99, loopMaxMs: max };
      const perSecond = load === "beside" ? { patchesPerSecond: patches } : {};
      const line = { ...cell, ms, worstMs: worst, cpuMs, ...loop, ...perSecond, machine };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
}

/**
 * @param {string} directory
 * @param {readonly any[]} rows
 * @param {{ idle: number, filled: number, build: number, cores: number }} more
 */
function markdown(directory, rows, { idle, filled, build, cores }) {
  const { date, commit, node, cpu } = describeMachine(directory);
  const cells = rows.map(({ name, quiet, beside, patches }) =>
    [
      name,
      ...[quiet.ms, quiet.worst, quiet.cpuMs, quiet.p99, beside.ms, beside.worst, beside.p99].map(
        number,
      ),
      number(patches),
    ].join(" | "),
  );
  return [
    `Measured ${date} at commit ${commit}: Node ${node}, ${cpu}; ${number(MODULES)} modules with twins of 1 KB, medians of ${ROUNDS} requests over HTTPS; all processes of the machine used ${number(cores)} cores on average. Declaring an index takes ${number(build)} ms, in which writes wait. Resident memory after a start: ${number(idle / 1024)} MiB with nothing registered, ${number(filled / 1024)} MiB with all modules.`,
    "",
    "| Query | Alone: median, ms | worst, ms | hub CPU, ms | event loop p99, ms | Beside patches: median, ms | worst, ms | event loop p99, ms | patches/s |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...cells.map((line) => `| ${line} |`),
  ].join("\n");
}

await main();
