// The scenario "load": modules that do what modules do, for minutes, beside services that steer them.
import { readFileSync } from "node:fs";

import { dialler } from "./generator/client.js";
import { Counts, LoadModule, LoadService } from "./load-clients.js";
import { cpuMicros, residentKiB } from "./machine.js";
import { pass } from "./pass.js";

/** @typedef {import("./targets/hub.js").HubTarget} HubTarget */

/** Per second, over all modules together. */
const TELEMETRY = 2000;
const DESIRED = 50;
const METHODS = 50;
const CONNECTING = 32;
const TICK_MS = 10;

/**
 * @param {HubTarget} hub
 * @param {number} minutes
 * @param {string} delayFile where the hub writes its event loop's delay
 * @returns {Promise<import("./measure.js").Result>}
 */
export async function measureModules(hub, minutes, delayFile) {
  const counts = new Counts();
  const dial = dialler(hub.endpoint);
  const modules = hub.identities.map((identity) => ({ identity }));
  /** @type {LoadModule[]} */
  const connected = [];
  for (let at = 0; at < modules.length; at += CONNECTING) {
    const some = modules.slice(at, at + CONNECTING);
    const opened = some.map(({ identity }) => new LoadModule(dial(), identity, counts));
    await Promise.all(opened.map((module) => module.open()));
    connected.push(...opened);
  }
  const service = new LoadService(hub, counts);
  const rss = [residentKiB(hub.pid)];
  const cpuBefore = cpuMicros(hub.pid);
  const seconds = minutes * 60;
  const began = performance.now();
  for (let isMiddle = true; ;) {
    const elapsed = (performance.now() - began) / 1000;
    if (elapsed >= seconds) break;
    if (isMiddle && elapsed >= seconds / 2) {
      rss.push(residentKiB(hub.pid));
      isMiddle = false;
    }
    catchUp(elapsed, counts, connected, service);
    await pass(TICK_MS);
  }
  const cpuAfter = cpuMicros(hub.pid);
  await pass(1500);
  rss.push(residentKiB(hub.pid));
  for (const module of connected) module.close();
  service.close();
  await pass(500);
  return report(counts, seconds, rss, (cpuAfter ?? 0) - (cpuBefore ?? 0), delayFile);
}

/**
 * Sends whatever is due by now.
 *
 * @param {number} elapsed seconds
 * @param {Counts} counts
 * @param {readonly LoadModule[]} modules
 * @param {LoadService} service
 */
function catchUp(elapsed, { sent }, modules, service) {
  /** @param {number} index */
  const moduleAt = (index) => modules[index % modules.length];
  while (sent.telemetry < elapsed * TELEMETRY) moduleAt(sent.telemetry)?.send();
  for (let due = elapsed * DESIRED; sent.desired < due;) {
    const module = moduleAt(sent.desired * 7);
    if (module === undefined) return;
    service.patch(module);
  }
  for (let due = elapsed * METHODS; sent.methods < due;) {
    const module = moduleAt(sent.methods * 11);
    if (module === undefined) return;
    service.invoke(module);
  }
}

/**
 * @param {Counts} counts
 * @param {number} seconds
 * @param {readonly (number | undefined)[]} rss KiB
 * @param {number} cpu µs
 * @param {string} delayFile
 * @returns {import("./measure.js").Result}
 */
function report(counts, seconds, rss, cpu, delayFile) {
  const delay = JSON.parse(readFileSync(delayFile, "utf8"));
  /** @param {"telemetry" | "desired" | "methods"} what */
  const line = (what) => {
    const { [what]: times } = counts;
    const [p50, p99] = [0.5, 0.99].map((share) => (times.percentile(share) / 1000).toFixed(1));
    const { [what]: done } = counts.done;
    const { [what]: sent } = counts.sent;
    return `${what} ${(done / seconds).toFixed(1)}/s (${done} of ${sent}), p50 ${p50} ms, p99 ${p99} ms`;
  };
  const mib = rss.map((kib) => ((kib ?? 0) / 1024).toFixed(0)).join(", ");
  const { p50, p99, max } = delay;
  const notes = [
    `${(seconds / 60).toFixed(1)} minutes`,
    line("telemetry"),
    line("desired"),
    line("methods"),
    `${counts.notMade} requests not made because too many waited`,
    `resident MiB at start, middle, end: ${mib}`,
    `event-loop delay p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(0)} ms`,
    `server CPU ${(cpu / seconds / 1e6).toFixed(2)} cores`,
    counts.failures.length === 0 ? "no failures" : `failures: ${counts.failures.join(", ")}`,
  ];
  const figures = {
    perSecond: counts.done.telemetry / seconds,
    cpuMicros: cpu / Math.max(1, counts.done.telemetry),
    p50: counts.telemetry.percentile(0.5) / 1000,
    p99: counts.telemetry.percentile(0.99) / 1000,
  };
  return { target: "twinhub", figures, rounds: 1, notes };
}
