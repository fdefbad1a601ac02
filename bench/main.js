// `npm run bench`: starts the hub and its baselines as processes of their own, loads them over real sockets and
// prints one Markdown table. README.md says what each row means.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { makeCertificates } from "./certificates.js";
import { Generator } from "./generator/generator.js";
import { judge } from "./goals.js";
import { describeMachine, flushMs } from "./machine.js";
import { readOptions, USAGE } from "./options.js";
import { NAMES, Park } from "./park.js";
import { cellsOf, markdown, writeReadme } from "./report.js";
import { SCENARIOS } from "./scenarios.js";
import { findMosquitto } from "./targets/mosquitto.js";

/** @typedef {ReturnType<typeof readOptions>} Options */
/** @typedef {import("./report.js").Row} Row */

const FULL = { rounds: 5, warmUpMs: 300, measureMs: 1000 };
const QUICK = { rounds: 2, warmUpMs: 150, measureMs: 500 };
const MODULES = 1000;
/** An address of its own, so that no other server's port is in the way. */
const HOST = os.platform() === "linux" ? "127.77.66.55" : "127.0.0.1";

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @param {Options} options */
async function bench(options) {
  mkdirSync(options.data, { recursive: true });
  const directory = mkdtempSync(path.join(path.resolve(options.data), "bench-"));
  try {
    return await measureIn(directory, options);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {string} directory @param {Options} options */
async function measureIn(directory, options) {
  const park = new Park({
    directory,
    dist: options.dist,
    host: HOST,
    modules: Math.max(MODULES, options.idle),
    key: randomBytes(32).toString("base64"),
    certificates: await makeCertificates(options.dist, directory),
    pin: { servers: options.pin ? [0] : null },
    nodeArgs: options.hubArgs,
    mosquitto: findMosquitto(),
  });
  if (options.pin) pinGenerator();
  const generator = new Generator(options.threads);
  const stop = async () => {
    await park.stop();
    await generator.end();
  };
  process.once("SIGINT", () => {
    void stop().then(() => {
      rmSync(directory, { recursive: true, force: true });
      process.exit(130);
    });
  });
  try {
    const { rows, flushMs: flush } = await runScenarios(options, generator, park, directory);
    return { rows, machine: { ...describeMachine(directory), flushMs: flush } };
  } finally {
    await stop();
  }
}

/**
 * @param {Options} options
 * @param {Generator} generator
 * @param {Park} park
 * @param {string} directory
 */
async function runScenarios(options, generator, park, directory) {
  const effort = {
    ...(options.quick ? QUICK : FULL),
    idleConnections: options.idle,
    loadMinutes: options.loadMinutes,
  };
  const chosen = SCENARIOS.filter(
    ({ name }) => options.only.length === 0 || options.only.includes(name),
  );
  /** @type {Row[]} */
  const rows = [];
  const flushes = [flushMs(directory)];
  for (const { name, title, targets, measure } of chosen) {
    const began = performance.now();
    const ids = targets.filter((id) => park.missing(id) === undefined);
    const absent = targets.flatMap((id) => {
      const failure = park.missing(id);
      return failure === undefined ? [] : [{ target: NAMES[id], failure, rounds: 0 }];
    });
    const results = [...(await measure({ generator, park, effort, ids })), ...absent];
    rows.push({ name, title, results });
    for (const { notes } of /** @type {Row["results"]} */ (results))
      for (const note of notes ?? []) say(`  ${note}`);
    if (name === "patch-single") flushes.push(flushMs(directory));
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    say(`${name}: ${results.map(brief).join(" · ")} (${seconds} s)`);
  }
  // What else the machine does slows a flush down: the lower one is the harder measure for the hub.
  return { rows, flushMs: Math.min(...flushes) };
}

/** @param {import("./measure.js").Result} result */
function brief({ target, figures, failure }) {
  if (figures === undefined) return `${target} ${failure ?? "failed"}`;
  const { perSecond, cpuMicros, p99, kiB, ms } = figures;
  if (kiB !== undefined) return `${target} ${kiB.toFixed(1)} KiB`;
  if (ms !== undefined) return `${target} ${ms.toFixed(0)} ms`;
  const cpu = cpuMicros === undefined ? "" : ` (${cpuMicros.toFixed(1)} µs)`;
  return `${target} ${Math.round(perSecond ?? 0)}/s${cpu} p99 ${p99?.toFixed(2)} ms`;
}

/** Servers keep core 0; this process, with its threads, takes the others. */
function pinGenerator() {
  const cores = `1-${os.availableParallelism() - 1}`;
  execFileSync("taskset", ["-a", "-c", "-p", cores, String(process.pid)], { stdio: "ignore" });
}

/** @param {Options} options */
function describeEffort(options) {
  const { rounds, measureMs } = options.quick ? QUICK : FULL;
  const pinned = options.pin ? "servers pinned to one core" : "nothing pinned";
  return (
    `Medians of ${rounds} interleaved rounds of ${measureMs / 1000} s; ` +
    `${options.threads} generator thread${options.threads === 1 ? "" : "s"}, ${pinned}.`
  );
}

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
async function main(args) {
  const options = readOptions(args);
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const { machine, rows } = await bench(options);
  const goals = judge(
    (scenario, target) =>
      rows.find(({ name }) => name === scenario)?.results.find((result) => result.target === target)
        ?.figures ?? {},
    machine,
  );
  const text = markdown(machine, rows, goals, describeEffort(options));
  if (options.json) {
    for (const cell of cellsOf(machine, rows)) process.stdout.write(`${JSON.stringify(cell)}\n`);
    for (const { measure: _, measureByCpu: __, ...goal } of goals)
      process.stdout.write(`${JSON.stringify({ goal })}\n`);
  } else process.stdout.write(`${text}\n`);
  if (options.write) writeReadme(text);
  return options.check && goals.some(({ verdict }) => verdict === "missed") ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
