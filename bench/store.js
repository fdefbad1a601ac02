// `npm run bench:store`: the store alone. Read a twin of 1.2 KB, merge a report, write it, acknowledged by the commit, with
// so many updates in flight, on a disk whose flush takes as many milliseconds more. README.md says what the rows mean.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { OPTIONS, printCells } from "./cells.js";
import { busyMicros } from "./machine.js";

const ENGINES = ["sqlite"];
const IN_FLIGHT = [1, 16, 128, 1024];

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    engine: { type: "string", default: "sqlite" },
    "flush-ms": { type: "string", default: "0,2,10" },
    twins: { type: "string", default: "10000" },
    seconds: { type: "string", default: "2" },
  },
});
if (!ENGINES.includes(values.engine))
  throw new Error(`there is no engine ${values.engine}; there are: ${ENGINES.join(", ")}`);

/** @typedef {{ inFlight: number, perSecond: number, cpu: number, p50: number, p99: number, loopP99: number }} Sample */

/**
 * A process of its own, since the library that slows flushes down is loaded with it.
 *
 * @param {string} directory
 * @param {string} library
 * @param {number} flush milliseconds
 * @returns {Promise<{ samples: readonly Sample[], driver: string }>}
 */
async function measure(directory, library, flush) {
  const data = path.join(directory, `${flush}`);
  mkdirSync(data);
  const control = `${data}.mode`;
  writeFileSync(control, flush === 0 ? "ok" : `slow ${flush}`);
  const script = path.join(import.meta.dirname, "store-worker.js");
  const settings = { data, dist: path.resolve(values.dist), inFlight: IN_FLIGHT };
  const load = { twins: Number(values.twins), seconds: Number(values.seconds) };
  const child = fork(script, [JSON.stringify({ ...settings, ...load })], {
    env: { ...process.env, LD_PRELOAD: library, DISK_CONTROL: control },
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the store ended with ${String(code)}`);
  });
  ended.catch(() => {});
  const [answer] = await Promise.race([once(child, "message"), ended]);
  await ended.catch(() => {});
  return /** @type {{ samples: readonly Sample[], driver: string }} */ (answer);
}

mkdirSync(values.data, { recursive: true });
const directory = mkdtempSync(path.join(path.resolve(values.data), "bench-"));
try {
  const library = path.join(directory, "slow-disk.so");
  const source = path.join(import.meta.dirname, "..", "test", "crash", "slow-disk.c");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source]);
  const busy = busyMicros() ?? Number.NaN;
  const since = performance.now();
  /** @type {import("./cells.js").Cell[]} */
  const cells = [];
  for (const flush of values["flush-ms"].split(",").map(Number)) {
    const { samples, driver } = await measure(directory, library, flush);
    for (const { inFlight, perSecond, cpu, p50, p99, loopP99 } of samples) {
      const first = cells.find((one) => one["in flight"] === inFlight)?.["updates/s"];
      const base = typeof first === "number" ? first : perSecond;
      cells.push({
        engine: `${values.engine} (${driver})`,
        "flush, ms more": flush,
        "in flight": inFlight,
        "updates/s": perSecond,
        "CPU, µs per update": cpu,
        "p50, ms": p50,
        "p99, ms": p99,
        "event loop p99, ms": loopP99,
        "rate against the fastest disk": perSecond / base,
      });
    }
  }
  const cores = ((busyMicros() ?? Number.NaN) - busy) / (performance.now() - since) / 1000;
  const effort = `One run of ${values.seconds} s for each row, ${values.twins} module twins.`;
  printCells("store", cells, { directory, json: values.json, effort, cores });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
