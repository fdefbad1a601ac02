// What is measured, in the order of the table.
import { measureModules } from "./load-scenario.js";
import {
  measureConnects,
  measureIdle,
  measureLoad,
  measureStart,
  measureStorm,
} from "./measure.js";
import { NAMES } from "./park.js";

/** @typedef {import("./measure.js").Result} Result */
/** @typedef {import("./measure.js").Effort} Effort */
/** @typedef {import("./park.js").TargetId} TargetId */
/** @typedef {import("./targets/process.js").Target} Target */

/**
 * @typedef {object} Scenario
 * @property {string} name for --only
 * @property {string} title
 * @property {readonly TargetId[]} targets
 * @property {(tools: { generator: import("./generator/generator.js").Generator, park: import("./park.js").Park, effort: Effort, ids: readonly TargetId[] }) => Promise<Result[]>} measure
 */

/** @type {readonly TargetId[]} */
const TWIN = ["hub", "memory", "echo"];
/** @type {readonly TargetId[]} */
const INGEST = ["hub", "memory", "echo", "mosquitto", "stored", "aedes"];
const PARALLEL_CONNECTS = 16;

/**
 * @param {string} name
 * @param {string} title
 * @param {readonly TargetId[]} targets
 * @param {Parameters<typeof measureLoad>[2]} load
 * @returns {Scenario}
 */
function load(name, title, targets, load) {
  return {
    name,
    title,
    targets,
    measure: async ({ generator, park, effort, ids }) => {
      const { targets: started, failures } = await startAll(park, ids);
      return [...(await measureLoad(generator, started, load, effort)), ...failures];
    },
  };
}

/**
 * @param {import("./park.js").Park} park
 * @param {readonly TargetId[]} ids
 */
async function startAll(park, ids) {
  /** @type {Target[]} */
  const targets = [];
  /** @type {Result[]} */
  const failures = [];
  for (const id of ids)
    try {
      targets.push(await park.get(id));
    } catch (error) {
      failures.push({ target: NAMES[id], failure: String(error), rounds: 0 });
    }
  return { targets, failures };
}

/** @type {readonly Scenario[]} */
export const SCENARIOS = [
  load("patch-single", "Reported patch, one module, one at a time", TWIN, {
    kind: "patch",
    connections: 1,
    window: 1,
  }),
  load("patch-100x1", "Reported patch, 100 modules, 1 in flight each", TWIN, {
    kind: "patch",
    connections: 100,
    window: 1,
  }),
  load("patch-100x4", "Reported patch, 100 modules, 4 in flight each", TWIN, {
    kind: "patch",
    connections: 100,
    window: 4,
  }),
  load("patch-1000x1", "Reported patch, 1000 modules, 1 in flight each", TWIN, {
    kind: "patch",
    connections: 1000,
    window: 1,
  }),
  load("get-100x4", "Twin GET, 100 modules, 4 in flight each", TWIN, {
    kind: "get",
    connections: 100,
    window: 4,
  }),
  load("telemetry-100x10", "Telemetry QoS 1, 256 B, 100 modules, 10 in flight each", INGEST, {
    kind: "telemetry",
    connections: 100,
    window: 10,
  }),
  load("telemetry-1000x1", "Telemetry QoS 1, 256 B, 1000 modules, 1 in flight each", INGEST, {
    kind: "telemetry",
    connections: 1000,
    window: 1,
  }),
  load("telemetry-10k", "Telemetry QoS 1, 256 B, 1000 modules, 10,000 messages/s in all", INGEST, {
    kind: "telemetry",
    connections: 1000,
    window: 0,
    perSecond: 10_000,
  }),
  {
    name: "connect",
    title: `Connect over TLS with SAS check, ${PARALLEL_CONNECTS} at once`,
    targets: ["hub", "echo", "mosquitto"],
    measure: async ({ generator, park, effort, ids }) => {
      const { targets, failures } = await startAll(park, ids);
      const parallel = PARALLEL_CONNECTS;
      return [...(await measureConnects(generator, targets, { parallel }, effort)), ...failures];
    },
  },
  {
    name: "storm",
    title: "All connected modules lose their connections and come back at once",
    targets: ["hub", "mosquitto"],
    measure: async ({ generator, park, effort, ids }) => {
      await park.prepare();
      const starters = ids.map((id) => ({ name: NAMES[id], start: () => park.fresh(id) }));
      return measureStorm(generator, starters, effort);
    },
  },
  {
    name: "idle",
    title: "Memory per idle, subscribed TLS connection",
    targets: ["hub", "echo", "mosquitto"],
    measure: async ({ generator, park, effort, ids }) => {
      await park.prepare();
      const starters = ids.map((id) => ({ name: NAMES[id], start: () => park.fresh(id) }));
      return measureIdle(generator, starters, effort);
    },
  },
  {
    name: "start",
    title: "Start of the process to the first CONNACK over TLS",
    targets: ["hub", "echo", "mosquitto"],
    measure: async ({ park, effort, ids }) => {
      await park.prepare();
      const starters = ids.map((id) => ({ name: NAMES[id], start: () => park.fresh(id, 1) }));
      const empty = {
        name: `${NAMES.hub}, first start`,
        start: () => park.emptyHub(),
        empty: true,
      };
      return measureStart(ids.includes("hub") ? [...starters, empty] : starters, effort);
    },
  },
  {
    name: "load",
    title: "1000 modules: 2000 messages, 50 desired changes and 50 methods per second",
    targets: ["hub"],
    measure: async ({ park, effort, ids }) => {
      if (!ids.includes("hub")) return [];
      const { hub, delayFile } = await park.watchedHub();
      try {
        return [await measureModules(hub, effort.loadMinutes, delayFile)];
      } catch (error) {
        return [{ target: NAMES.hub, failure: String(error), rounds: 0 }];
      } finally {
        await hub.stop();
      }
    },
  },
  load("generator", "Generator check: telemetry to the echo, 100 x 10, without TLS", ["echo"], {
    kind: "telemetry",
    connections: 100,
    window: 10,
    plain: true,
  }),
];
