// How each kind of number is taken. Everything is measured in rounds that go over all servers in turn, so that a
// disturbance of the machine meets all of them alike; the result is the median of the rounds.
import { Client, dialler } from "./generator/client.js";
import { busyMicros, cpuMicros, residentKiB } from "./machine.js";
import { pass } from "./pass.js";
import { median } from "./statistics.js";

/** @typedef {import("./targets/process.js").Target} Target */
/** @typedef {import("./generator/generator.js").Generator} Generator */

/**
 * @typedef {object} Figures all medians over the rounds; what a scenario does not measure is undefined
 * @property {number} [perSecond]
 * @property {number} [cpuMicros] server CPU per operation, user and system
 * @property {number} [p50] ms
 * @property {number} [p99] ms
 * @property {number} [generatorCores] CPU seconds per second of the generator
 * @property {number} [othersCores] CPU seconds per second of all other processes on the machine
 * @property {number} [kiB] resident memory per connection
 * @property {number} [baseKiB] resident memory before the connections
 * @property {number} [ms] start-up time
 */

/**
 * @typedef {object} Result
 * @property {string} target
 * @property {Figures} [figures]
 * @property {string} [failure]
 * @property {number} rounds
 * @property {readonly string[]} [notes] what does not fit into a row
 */

/** @typedef {{ rounds: number, warmUpMs: number, measureMs: number, idleConnections: number, loadMinutes: number }} Effort */

const IDLE_FILTERS = [
  "$iothub/twin/res/#",
  "$iothub/twin/PATCH/properties/desired/#",
  "$iothub/methods/POST/#",
];
const SETTLE_MS = 1000;

/**
 * Rates, latencies and CPU of a running load: warm up, mark, wait, mark.
 *
 * @param {Generator} generator
 * @param {string} group
 * @param {number} pid of the server
 * @param {Effort} effort
 * @returns {Promise<Figures>}
 */
async function observe(generator, group, pid, effort) {
  await pass(effort.warmUpMs);
  await generator.mark(group);
  const cpuBefore = cpuMicros(pid);
  const busyBefore = busyMicros();
  const ownBefore = process.cpuUsage();
  const began = performance.now();
  await pass(effort.measureMs);
  const sample = await generator.mark(group);
  const cpuAfter = cpuMicros(pid);
  const busyAfter = busyMicros();
  const own = process.cpuUsage(ownBefore);
  const micros = (performance.now() - began) * 1000;
  await generator.stop(group);
  if (sample.count === 0) throw new Error("no message was answered");
  const ownMicros = own.user + own.system;
  /** @type {Figures} */
  const figures = {
    perSecond: sample.perSecond,
    p50: sample.p50 / 1000,
    p99: sample.p99 / 1000,
    generatorCores: ownMicros / micros,
  };
  if (cpuBefore === undefined || cpuAfter === undefined) return figures;
  figures.cpuMicros = (cpuAfter - cpuBefore) / sample.count;
  if (busyBefore !== undefined && busyAfter !== undefined) {
    const others = busyAfter - busyBefore - (cpuAfter - cpuBefore) - ownMicros;
    figures.othersCores = Math.max(0, others / micros);
  }
  return figures;
}

/**
 * Runs `once` for each target, round after round. A target that fails is left out of the rounds that follow.
 *
 * @template {{ name: string }} T
 * @param {readonly T[]} targets
 * @param {number} rounds
 * @param {(target: T) => Promise<Figures>} once
 * @returns {Promise<Result[]>}
 */
async function inRounds(targets, rounds, once) {
  const samples = new Map(targets.map((target) => [target, /** @type {Figures[]} */ ([])]));
  const failures = new Map();
  for (let round = 0; round < rounds; round++)
    for (const target of targets) {
      if (failures.has(target)) continue;
      try {
        samples.get(target)?.push(await once(target));
      } catch (error) {
        failures.set(target, error instanceof Error ? error.message : String(error));
      }
    }
  return targets.map((target) => {
    const failure = failures.get(target);
    if (failure !== undefined) return { target: target.name, failure, rounds: 0 };
    return { target: target.name, figures: medians(samples.get(target) ?? []), rounds };
  });
}

/** @param {readonly Figures[]} samples @returns {Figures} */
function medians(samples) {
  /** @type {Record<string, number>} */
  const result = {};
  for (const name of Object.keys(samples[0] ?? {}))
    result[name] = median(samples.map((sample) => Number(Reflect.get(sample, name))));
  return result;
}

/**
 * Messages over connections that stay open. `perSecond` = a fixed rate instead of a full window.
 *
 * @param {Generator} generator
 * @param {readonly Target[]} targets
 * @param {{ kind: import("./generator/packets.js").LoadKind, connections: number, window: number, perSecond?: number, plain?: boolean }} load
 * @param {Effort} effort
 * @returns {Promise<Result[]>}
 */
export async function measureLoad(generator, targets, load, effort) {
  const { kind, connections, window, perSecond, plain } = load;
  const filters = kind === "telemetry" ? [] : ["$iothub/twin/res/#"];
  /** @type {Result[]} */
  const unreachable = [];
  const reachable = [];
  for (const target of targets) {
    const endpoint = plain === true ? target.plainEndpoint : target.endpoint;
    try {
      if (endpoint === undefined) throw new Error("does not listen without TLS");
      await generator.open(target.name, endpoint, target.identities.slice(0, connections), filters);
      reachable.push(target);
    } catch (error) {
      await generator.close(target.name);
      unreachable.push({ target: target.name, failure: String(error), rounds: 0 });
    }
  }
  const results = await inRounds(reachable, effort.rounds, async (target) => {
    if (perSecond === undefined) await generator.start(target.name, kind, window);
    else await generator.pace(target.name, kind, perSecond);
    const figures = await observe(generator, target.name, target.pid, effort);
    await target.afterRound?.();
    return figures;
  });
  for (const target of reachable) await generator.close(target.name);
  return [...results, ...unreachable];
}

/**
 * TLS handshake, CONNECT, CONNACK, DISCONNECT, over and over.
 *
 * @param {Generator} generator
 * @param {readonly Target[]} targets
 * @param {{ parallel: number }} load
 * @param {Effort} effort
 */
export async function measureConnects(generator, targets, { parallel }, effort) {
  return inRounds(targets, effort.rounds, async (target) => {
    await generator.churn(target.name, target.endpoint, target.identities, parallel);
    const figures = await observe(generator, target.name, target.pid, effort);
    await generator.close(target.name);
    return figures;
  });
}

/**
 * Resident memory that a fresh server gains per idle, subscribed connection.
 *
 * @param {Generator} generator
 * @param {readonly { name: string, start: () => Promise<Target> }[]} starters
 * @param {Effort} effort
 */
export async function measureIdle(generator, starters, effort) {
  return inRounds(starters, Math.min(effort.rounds, 3), async ({ name, start }) => {
    const target = await start();
    try {
      await target.settle?.();
      await pass(SETTLE_MS / 2);
      const before = residentKiB(target.pid);
      const some = target.identities.slice(0, effort.idleConnections);
      await generator.open(name, target.endpoint, some, IDLE_FILTERS);
      await pass(SETTLE_MS);
      const after = residentKiB(target.pid);
      if (before === undefined || after === undefined) throw new Error("needs /proc (Linux)");
      return { kiB: (after - before) / some.length, baseKiB: before };
    } finally {
      await generator.close(name);
      await target.stop();
    }
  });
}

/**
 * How long it takes until all connections are back after all were lost, and the latency of a module's patches meanwhile;
 * a broker, which answers none, has no such module.
 *
 * @param {Generator} generator
 * @param {readonly { name: string, start: () => Promise<Target> }[]} starters
 * @param {Effort} effort
 */
export async function measureStorm(generator, starters, effort) {
  return inRounds(starters, Math.min(effort.rounds, 3), async ({ name, start }) => {
    const target = await start();
    const calm = `${name}, calm`;
    try {
      const [one, ...others] = target.identities.slice(0, effort.idleConnections);
      const patches = name.startsWith("twinhub");
      await generator.open(name, target.endpoint, others, IDLE_FILTERS);
      if (patches && one !== undefined) {
        await generator.open(calm, target.endpoint, [one], ["$iothub/twin/res/#"]);
        await generator.start(calm, "patch", 1);
        await pass(effort.warmUpMs);
      }
      await generator.close(name);
      if (patches) await generator.mark(calm);
      const cpu = cpuMicros(target.pid);
      const began = performance.now();
      await generator.open(name, target.endpoint, others, IDLE_FILTERS);
      const ms = performance.now() - began;
      const used = (cpuMicros(target.pid) ?? Number.NaN) - (cpu ?? Number.NaN);
      /** @type {Figures} */
      const figures = { ms, cpuMicros: used / others.length };
      if (!patches) return figures;
      const { p50, p99 } = await generator.mark(calm);
      await generator.stop(calm);
      return { ...figures, p50: p50 / 1000, p99: p99 / 1000 };
    } finally {
      await generator.close(name);
      await generator.close(calm);
      await target.stop();
    }
  });
}

/**
 * From the start of the process to the first CONNACK over TLS.
 *
 * @param {readonly { name: string, start: () => Promise<Target>, empty?: boolean }[]} starters `empty` = nobody is
 *   registered, so the CONNACK may refuse
 * @param {Effort} effort
 */
export async function measureStart(starters, effort) {
  return inRounds(starters, effort.rounds, async ({ start, empty }) => {
    const began = performance.now();
    const target = await start();
    try {
      const [identity] = target.identities;
      if (identity === undefined) throw new Error("no identity to connect with");
      const client = new Client(dialler(target.endpoint)(), identity);
      const code = await client.open([]);
      const ms = performance.now() - began;
      await client.close();
      if (code !== 0 && empty !== true) throw new Error(`CONNACK ${code}`);
      return { ms };
    } finally {
      await target.stop();
    }
  });
}
