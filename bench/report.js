// The Markdown of a run, and its place in the README.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { median } from "./statistics.js";

const README = path.join(import.meta.dirname, "README.md");
/** Other processes beyond this disturb the rates. */
const BUSY_CORES = 0.25;

/** @typedef {import("./measure.js").Figures} Figures */
/** @typedef {{ name: string, title: string, results: import("./measure.js").Result[] }} Row */

/**
 * @param {import("./machine.js").Machine} machine
 * @param {readonly Row[]} rows
 * @param {readonly import("./goals.js").Judged[]} goals
 * @param {string} effort how long and how often was measured
 */
export function markdown(machine, rows, goals, effort) {
  const parts = [`${headline(machine, effort)} ${company(rows)}`.trimEnd(), table(rows)];
  for (const { name, results } of rows)
    for (const { notes } of results)
      if (notes !== undefined) parts.push(`Row ${name}: ${notes.join("; ")}.`);
  if (goals.length > 0) parts.push(goalTable(goals));
  return parts.join("\n\n");
}

/** @param {import("./machine.js").Machine} machine @param {string} effort */
function headline(machine, effort) {
  const { date, commit, node, openssl, cpu, memoryGiB, system, flushMs } = machine;
  const disk = machine.diskIsMemory
    ? "**the data folder lies in memory: flushes cost nothing here**"
    : `one flush (4 KiB, fdatasync) takes ${number(flushMs)} ms`;
  return (
    `Measured ${date} at commit ${commit}: Node ${node}, OpenSSL ${openssl}, ${cpu}, ${memoryGiB} GiB, ` +
    `${system}; ${disk}. ${effort}`
  );
}

/**
 * How much else the machine had to do: measured, because it decides how far the rates can be believed.
 *
 * @param {readonly Row[]} rows
 */
function company(rows) {
  const others = rows.flatMap(({ results }) =>
    results.flatMap(({ figures }) => figures?.othersCores ?? []),
  );
  if (others.length === 0) return "";
  const cores = median(others);
  const text = `Other processes used ${number(cores)} cores meanwhile (median of the cells).`;
  if (cores < BUSY_CORES) return text;
  return `${text} **The machine was busy: rates and latencies, and the goals made of them, suffer; CPU per operation is the number to use.**`;
}

/** @param {readonly Row[]} rows */
function table(rows) {
  const lines = [
    "| Row | Server | Operations/s | Server CPU, µs per operation | p50, ms | p99, ms | Generator CPU, cores |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const { name, results } of rows)
    for (const { target, figures, failure } of results)
      lines.push(
        figures === undefined
          ? `| ${name} | ${target} | ${firstLine(failure)} | | | | |`
          : `| ${name} | ${target} | ${cells(figures).join(" | ")} |`,
      );
  return lines.join("\n");
}

/** What a server is compared with, the best there is first. */
const BASELINES = ["mosquitto, stored", "Node echo", "mosquitto, nobody subscribed", "aedes"];

/**
 * One object for each cell: a row of one server, with its ratio to the row's baseline.
 *
 * @param {import("./machine.js").Machine} machine
 * @param {readonly Row[]} rows
 */
export function cellsOf(machine, rows) {
  return rows.flatMap(({ name, title, results }) => {
    const measured = results.filter(({ figures }) => figures !== undefined);
    const baseline = BASELINES.map((one) => measured.find(({ target }) => target === one)).find(
      (one) => one !== undefined,
    );
    return results.map(({ target, figures, failure, rounds, notes }) => ({
      row: name,
      title,
      server: target,
      ...figures,
      failure,
      rounds,
      notes,
      against: baseline === undefined ? undefined : ratios(baseline, figures),
      machine,
    }));
  });
}

/**
 * @param {import("./measure.js").Result} baseline
 * @param {Figures | undefined} figures
 */
function ratios({ target, figures: base = {} }, figures = {}) {
  /** @param {"perSecond" | "cpuMicros" | "kiB" | "ms"} name */
  const ratio = (name) => {
    const [value, other] = [figures[name], base[name]];
    return value === undefined || other === undefined ? undefined : value / other;
  };
  const [rate, cpu, memory] = [ratio("perSecond"), ratio("cpuMicros"), ratio("kiB")];
  return { server: target, rate, cpu, memory, time: ratio("ms") };
}

/** @param {Figures} figures */
function cells(figures) {
  const { perSecond, cpuMicros, p50, p99, generatorCores, kiB, baseKiB, ms } = figures;
  if (kiB !== undefined)
    return [`${number(kiB)} KiB each, ${number((baseKiB ?? 0) / 1024)} MiB before`, "", "", "", ""];
  if (ms !== undefined)
    return [`${number(ms)} ms`, optional(cpuMicros), optional(p50), optional(p99), ""];
  return [
    perSecond === undefined ? "" : grouped(perSecond),
    optional(cpuMicros),
    optional(p50),
    optional(p99),
    optional(generatorCores),
  ];
}

/** @param {readonly import("./goals.js").Judged[]} goals */
function goalTable(goals) {
  return [
    "| Goal | What | Measured | By CPU per operation | Must | Aim | |",
    "| ---: | --- | ---: | ---: | ---: | ---: | --- |",
    ...goals.map((goal) => {
      const sign = goal.sense === "at least" ? "≥" : "≤";
      const limit = (/** @type {number} */ value) => `${sign} ${value} ${goal.unit}`;
      const value = `${number(goal.value)} ${goal.unit}`;
      const byCpu = goal.byCpu === undefined ? "" : `${number(goal.byCpu)} ${goal.unit}`;
      const cells = [goal.number, goal.text, value, byCpu, limit(goal.must), limit(goal.aim)];
      return `| ${cells.join(" | ")} | ${VERDICTS[goal.verdict]} |`;
    }),
  ].join("\n");
}

const VERDICTS = { aim: "aim met", must: "must met", missed: "**missed**" };

/** @param {number | undefined} value */
function optional(value) {
  return value === undefined ? "" : number(value);
}

/** Three significant digits. @param {number} value */
export function number(value) {
  return Math.abs(value) >= 1000 ? grouped(value) : String(Number(value.toPrecision(3)));
}

/** @param {number} value */
function grouped(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @param {string | undefined} text */
function firstLine(text) {
  return (text ?? "failed").split("\n", 1)[0]?.replaceAll("|", "/") ?? "failed";
}

/** Replaces the results in the README. @param {string} text */
export function writeReadme(text) {
  replace("results", text);
}

/** Replaces the results of `queries.js` in the README. @param {string} text */
export function writeQueries(text) {
  replace("queries", text);
}

/** Replaces the results of `portal.js` in the README. @param {string} text */
export function writePortal(text) {
  replace("portal", text);
}

/** @param {string} name @param {string} text */
function replace(name, text) {
  const old = readFileSync(README, "utf8");
  const [first, last] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const start = old.indexOf(first);
  const end = old.indexOf(last);
  if (start < 0 || end < start) throw new Error(`${README} lacks ${first} or ${last}`);
  writeFileSync(README, `${old.slice(0, start + first.length)}\n\n${text}\n\n${old.slice(end)}`);
}
