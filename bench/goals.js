// The goals of the project that these scenarios can judge: ratios taken in one run, so that they travel between
// machines. `at most` goals pass below their limit, the others above it.

/** @typedef {import("./measure.js").Figures} Figures */
/** @typedef {(scenario: string, target: string) => Figures} Look the figures of a row; empty if it was not measured */

/**
 * @typedef {object} Goal
 * @property {number} number
 * @property {string} text
 * @property {"at least" | "at most"} sense
 * @property {number} must
 * @property {number} aim
 * @property {string} unit
 * @property {(look: Look, machine: import("./machine.js").Machine) => number | undefined} measure
 * @property {(look: Look) => number | undefined} [measureByCpu] for goals of rates: what the rates would be if both servers
 *   were as busy; steadier where the machine has other things to do
 */

const HUB = "twinhub";
const MEMORY = "twinhub --memory";
const ECHO = "Node echo";
const MOSQUITTO = "mosquitto, nobody subscribed";
const STORED = "mosquitto, stored";
const AEDES = "aedes";

/** @param {number | undefined} a @param {number | undefined} b */
function ratio(a, b) {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

/**
 * @param {string} scenario
 * @param {string} baseline
 * @returns {Pick<Goal, "measure" | "measureByCpu">}
 */
function rateAgainst(scenario, baseline) {
  return {
    measure: (look) => ratio(look(scenario, HUB).perSecond, look(scenario, baseline).perSecond),
    measureByCpu: (look) =>
      ratio(look(scenario, baseline).cpuMicros, look(scenario, HUB).cpuMicros),
  };
}

/** @type {readonly Goal[]} */
const GOALS = [
  {
    number: 1,
    text: "durable telemetry 100 x 10: rate against mosquitto, stored",
    sense: "at least",
    must: 1.5,
    aim: 2.5,
    unit: "x",
    ...rateAgainst("telemetry-100x10", STORED),
  },
  {
    number: 2,
    text: "durable telemetry 1000 x 1: rate against mosquitto, stored",
    sense: "at least",
    must: 0.55,
    aim: 0.7,
    unit: "x",
    ...rateAgainst("telemetry-1000x1", STORED),
  },
  {
    number: 3,
    text: "the same against aedes, 100 x 10",
    sense: "at least",
    must: 1,
    aim: 1.5,
    unit: "x",
    ...rateAgainst("telemetry-100x10", AEDES),
  },
  {
    number: 3,
    text: "the same against aedes, 1000 x 1",
    sense: "at least",
    must: 1,
    aim: 1.2,
    unit: "x",
    ...rateAgainst("telemetry-1000x1", AEDES),
  },
  {
    number: 4,
    text: "server CPU per durable telemetry message, 100 x 10",
    sense: "at most",
    must: 10,
    aim: 6.5,
    unit: "µs",
    measure: (look) => look("telemetry-100x10", HUB).cpuMicros,
  },
  {
    number: 5,
    text: "reported patch 1000 x 1: rate against the echo",
    sense: "at least",
    must: 0.45,
    aim: 0.6,
    unit: "x",
    ...rateAgainst("patch-1000x1", ECHO),
  },
  {
    number: 6,
    text: "reported patch 1000 x 1: rate against the hub without a store",
    sense: "at least",
    must: 0.65,
    aim: 0.8,
    unit: "x",
    ...rateAgainst("patch-1000x1", MEMORY),
  },
  {
    number: 7,
    text: "single reported patch: p50 beyond one flush of the disk",
    sense: "at most",
    must: 0.6,
    aim: 0.4,
    unit: "ms",
    measure: (look, machine) => {
      const { p50 } = look("patch-single", HUB);
      return p50 === undefined ? undefined : p50 - machine.flushMs;
    },
  },
  {
    number: 8,
    text: "twin GET 100 x 4: rate against the echo",
    sense: "at least",
    must: 0.45,
    aim: 0.65,
    unit: "x",
    ...rateAgainst("get-100x4", ECHO),
  },
  {
    number: 9,
    text: "p99 at 10,000 durable messages/s over 1000 connections",
    sense: "at most",
    must: 8,
    aim: 4,
    unit: "ms",
    measure: (look) => look("telemetry-10k", HUB).p99,
  },
  {
    number: 10,
    text: "memory per idle connection against the echo",
    sense: "at most",
    must: 1.7,
    aim: 1.4,
    unit: "x",
    measure: (look) => ratio(look("idle", HUB).kiB, look("idle", ECHO).kiB),
  },
  {
    number: 11,
    text: "server CPU per connect with SAS check against mosquitto's connect",
    sense: "at most",
    must: 1.8,
    aim: 1.4,
    unit: "x",
    measure: (look) => ratio(look("connect", HUB).cpuMicros, look("connect", MOSQUITTO).cpuMicros),
  },
  {
    number: 12,
    text: "start to the first CONNACK, empty store",
    sense: "at most",
    must: 300,
    aim: 180,
    unit: "ms",
    measure: (look) => look("start", `${HUB}, first start`).ms,
  },
];

/** @typedef {Goal & { value: number, byCpu: number | undefined, verdict: "aim" | "must" | "missed" }} Judged */

/**
 * @param {Look} look
 * @param {import("./machine.js").Machine} machine
 * @returns {Judged[]} the goals whose rows were measured
 */
export function judge(look, machine) {
  return GOALS.flatMap((goal) => {
    const value = goal.measure(look, machine);
    if (value === undefined) return [];
    return [{ ...goal, value, byCpu: goal.measureByCpu?.(look), verdict: verdict(goal, value) }];
  });
}

/**
 * @param {Goal} goal
 * @param {number} value
 * @returns {Judged["verdict"]}
 */
function verdict({ sense, must, aim }, value) {
  const meets = (/** @type {number} */ limit) =>
    sense === "at least" ? value >= limit : value <= limit;
  if (meets(aim)) return "aim";
  return meets(must) ? "must" : "missed";
}
