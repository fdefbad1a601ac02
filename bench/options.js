import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { SCENARIOS } from "./scenarios.js";

export const USAGE = `npm run bench -- [options]

  --quick          about one minute: fewer and shorter rounds; does not write the README
  --only NAME      one scenario, repeatable; does not write the README
  --json           one JSON line per server and scenario on standard output instead of Markdown
  --check          exit 1 if a measured goal misses its "must"
  --write          write bench/README.md even with --quick or --only
  --threads N      generator threads (default: cores - 1, at most 4)
  --pin            servers on core 0, generator on the others (needs taskset)
  --idle N         connections of the scenarios "idle" and "storm" (default 1000)
  --load-minutes N how long the scenario "load" takes (default 0.2)
  --data DIR       parent of the run's folder, removed at the end (default: ./data)
  --dist DIR       the built package (default: dist beside bench)
  --hub-arg ARG    a Node option for the hub, for example --hub-arg=--cpu-prof; repeatable

Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}`;

/** @param {readonly string[]} args */
export function readOptions(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      threads: { type: "string" },
      pin: { type: "boolean", default: false },
      idle: { type: "string", default: "1000" },
      "load-minutes": { type: "string", default: "0.2" },
      data: { type: "string", default: "data" },
      dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
      "hub-arg": { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const known = new Set(SCENARIOS.map(({ name }) => name));
  const unknown = values.only.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new Error(`no scenario ${unknown}; there are ${[...known].join(", ")}`);
  const cores = os.availableParallelism();
  const defaultThreads = Math.max(1, Math.min(4, cores - 1));
  const threads =
    values.threads === undefined ? defaultThreads : positive("--threads", values.threads);
  return {
    quick: values.quick,
    only: values.only,
    json: values.json,
    check: values.check,
    write: values.write || (!values.quick && values.only.length === 0),
    threads,
    pin: values.pin && cores > 1,
    idle: positive("--idle", values.idle),
    loadMinutes: minutes(values["load-minutes"]),
    data: values.data,
    dist: path.resolve(values.dist),
    hubArgs: values["hub-arg"],
    help: values.help,
  };
}

/** @param {string} text */
function minutes(text) {
  const value = Number(text);
  if (!(value >= 0.05 && value <= 1440))
    throw new Error(`--load-minutes takes a number from 0.05 to 1440, not ${text}`);
  return value;
}

/** @param {string} name @param {string} text */
function positive(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 20_000)
    throw new Error(`${name} takes a whole number from 1 to 20000, not ${text}`);
  return value;
}
