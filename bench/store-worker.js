// The process whose store `store.js` measures: opens it, fills it and updates twins as fast as commits answer.
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

import { Histogram } from "./generator/histogram.js";
import { twin as sample } from "./modules.js";

const settings = JSON.parse(process.argv[2] ?? "{}");
const FILL = 500;

/** @type {typeof import("../src/stores/sqlite/store.ts")} */
const { openSqliteStore } = await import(
  pathToFileURL(path.join(settings.dist, "stores", "sqlite", "store.js")).href
);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const clock = { now: () => Date.now(), after: () => () => {} };
const store = await openSqliteStore({
  directory: settings.data,
  clock,
  partitions: 4,
  durability: "disk",
  log: silent,
});

/** @param {number} n @returns {{ deviceId: string, moduleId: string }} */
const keyOf = (n) => ({ deviceId: `d${Math.floor(n / 40)}`, moduleId: `m${n % 40}` });

/** @returns {import("../src/domain/twin/twin.ts").Twin} */
function newTwin() {
  /** @param {object} value @returns {import("../src/domain/twin/twin.ts").Section} */
  const section = (value) => ({
    value: /** @type {import("../src/domain/json.ts").JsonObject} */ (value),
    metadata: { t: 0, k: Object.fromEntries(Object.keys(value).map((name) => [name, { t: 0 }])) },
    version: 2,
  });
  const { desired, reported } = sample;
  const versions = { etagCounter: 1, version: 3 };
  const sections = { desired: section(desired), reported: section(reported) };
  return { tags: { site: "plant-1" }, ...sections, ...versions, modelId: "", configurations: {} };
}

for (let at = 0; at < settings.twins; at += FILL)
  await store.transaction(null, (tx) => {
    for (let n = at; n < Math.min(at + FILL, settings.twins); n++) tx.putTwin(keyOf(n), newTwin());
  });

/** @param {number} value */
function update(value) {
  const key = keyOf(Math.floor(Math.random() * settings.twins));
  return store.transaction(key, (tx) => {
    const twin = tx.twin(key);
    if (twin === undefined) throw new Error("a twin is missing");
    const { reported, version } = twin;
    const next = {
      ...reported,
      value: { ...reported.value, battery: value },
      version: reported.version + 1,
    };
    tx.putTwin(key, { ...twin, reported: next, version: version + 1 });
  });
}

/** @param {number} inFlight */
async function measure(inFlight) {
  const latencies = new Histogram();
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + settings.seconds * 1000;
  let count = 0;
  const one = async () => {
    for (let now = performance.now(); now < end;) {
      await update(count);
      const answered = performance.now();
      latencies.record((answered - now) * 1000);
      count++;
      now = answered;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  loop.disable();
  const { user, system } = process.cpuUsage(cpu);
  return {
    inFlight,
    perSecond: (count * 1000) / (performance.now() - began),
    cpu: (user + system) / count,
    p50: latencies.percentile(0.5) / 1000,
    p99: latencies.percentile(0.99) / 1000,
    loopP99: Math.max(0, loop.percentile(99) / 1e6 - 1),
  };
}

const samples = [];
for (const inFlight of settings.inFlight) samples.push(await measure(inFlight));
await store.close();
const driver = process.versions.node.startsWith("20.") ? "libsql" : "node:sqlite";
process.send?.({ samples, driver }, () => process.disconnect());
