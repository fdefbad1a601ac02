// `npm run bench:portal`: the portal in Chromium, with many modules and with many events. README.md says what the rows mean.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

import { Generator } from "./generator/generator.js";
import { busyMicros, describeMachine } from "./machine.js";
import { hubAgent, registerModules, request } from "./modules.js";
import { pass } from "./pass.js";
import { RESET, WATCH, frames, scroll } from "./portal-page.js";
import { number, writePortal } from "./report.js";
import { median } from "./statistics.js";
import { startHub } from "./targets/hub.js";

/** @typedef {import("./targets/hub.js").HubTarget} HubTarget */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */

const HOST = os.platform() === "linux" ? "127.77.66.57" : "127.0.0.1";
const GROUP = "events";
/** Modules that send the events. */
const SENDERS = 1000;
/** A frame that takes longer was dropped, at 60 frames a second. */
const FRAME_MS = 1000 / 60;

const { values } = parseArgs({
  options: {
    modules: { type: "string", default: "100000" },
    rows: { type: "string", default: "10000" },
    events: { type: "string", default: "10000" },
    seconds: { type: "string", default: "30" },
    data: { type: "string", default: "data" },
    dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
    browser: { type: "string", default: "/usr/bin/chromium" },
    write: { type: "boolean", default: false },
  },
});
const MODULES = Number(values.modules);
const SECONDS = Number(values.seconds);
const EVENTS = Number(values.events);

/** @param {readonly number[]} all @param {number} share */
function percentile(all, share) {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** @typedef {{ longTasks: number[], inputs: { duration: number, delay: number }[], firstRow: number }} Watched */

/** @param {Page} page @returns {Promise<Watched>} */
const watched = (page) => page.evaluate("__watch");

/** @param {readonly number[]} times */
function frameCells(times) {
  const dropped = times.reduce((sum, ms) => sum + Math.max(0, Math.round(ms / FRAME_MS) - 1), 0);
  return `p50 ${number(percentile(times, 0.5))} ms, p95 ${number(percentile(times, 0.95))} ms, worst ${number(Math.max(...times))} ms; ${dropped} of ${times.length + dropped} dropped`;
}

/** @param {readonly number[]} tasks */
function taskCells(tasks) {
  return tasks.length === 0
    ? "none"
    : `${tasks.length}, worst ${number(Math.max(...tasks))} ms, ${number(tasks.reduce((a, b) => a + b, 0))} ms in all`;
}

/** @typedef {{ script: number, style: number, layout: number, all: number }} Work CPU time in milliseconds */

/**
 * Begins to count the work of the tab's main thread: CPU time, which waiting for a core does not lengthen. The browser
 * counts only while somebody listens.
 *
 * @param {Page} page
 * @returns {Promise<() => Promise<Work>>} the work so far
 */
async function countWork(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    const of = (/** @type {string} */ name) =>
      (metrics.find((metric) => metric.name === name)?.value ?? Number.NaN) * 1000;
    return {
      script: of("ScriptDuration"),
      style: of("RecalcStyleDuration"),
      layout: of("LayoutDuration"),
      all: of("TaskDuration"),
    };
  };
}

/** @param {Work} from @param {Work} to @param {number} [each] a share of the work between */
function workCells(from, to, each = 1) {
  const of = (/** @type {keyof Work} */ name) => (to[name] - from[name]) * each;
  const rest = of("all") - of("script") - of("style") - of("layout");
  return `${number(of("all"))} ms: scripts ${number(of("script"))}, style ${number(of("style"))}, layout ${number(of("layout"))}, paint and all else ${number(rest)}`;
}

/** @type {Work} */
const noWork = { script: 0, style: 0, layout: 0, all: 0 };

/**
 * Heap of the tab after a collection, in MiB, and its DOM nodes.
 *
 * @param {Page} page
 */
async function memory(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.collectGarbage");
  await cdp.send("Performance.enable");
  const { metrics } = await cdp.send("Performance.getMetrics");
  await cdp.detach();
  const of = (/** @type {string} */ name) =>
    metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return { heap: of("JSHeapUsedSize") / 2 ** 20, nodes: of("Nodes") };
}

/** @param {HubTarget} hub */
async function openBrowser(hub) {
  const browser = await chromium.launch({
    executablePath: values.browser,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      `--host-resolver-rules=MAP ${hub.hostName} ${HOST}`,
    ],
  });
  const address = `https://${hub.hostName}:${hub.httpsPort}/portal`;
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(address);
  await page
    .getByLabel("Service connection string")
    .fill(
      `HostName=${hub.hostName};SharedAccessKeyName=${hub.policy.name};SharedAccessKey=${hub.policy.key}`,
    );
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".bar").waitFor();
  return { browser, context, page, address };
}

/** @param {import("playwright-core").Browser} browser @param {any} [storageState] */
async function newContext(browser, storageState) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    ...(storageState === undefined ? {} : { storageState }),
  });
  await context.addInitScript(WATCH);
  return context;
}

/** @typedef {(readonly [string, string])[]} Rows */

/**
 * Milliseconds from navigation to the first row.
 *
 * @param {Page} page
 * @param {string} url
 */
async function firstRow(page, url) {
  await page.goto("about:blank");
  await page.goto(url);
  await page.locator(".vbody .vrow a").first().waitFor();
  await page.waitForFunction("__watch.firstRow > 0");
  return (await watched(page)).firstRow;
}

/** @param {Awaited<ReturnType<typeof openBrowser>>} session @returns {Promise<Rows>} */
async function measureList({ browser, context, page, address }) {
  const url = `${address}/devices?kind=modules`;
  const cold = [];
  /** @type {Work[]} */
  const coldWork = [];
  const state = await context.storageState();
  for (let round = 0; round < 5; round++) {
    const fresh = await newContext(browser, state);
    const tab = await fresh.newPage();
    const work = await countWork(tab);
    cold.push(await firstRow(tab, url));
    coldWork.push(await work());
    await fresh.close();
  }
  const warm = [];
  for (let round = 0; round < 5; round++) warm.push(await firstRow(page, url));
  await page.getByText(`${MODULES.toLocaleString("en")} modules`).waitFor();
  const before = await memory(page);
  await page.evaluate(RESET);
  const work = await countWork(page);
  const began = await work();
  /** @type {{ frames: number[], blank: number, busy: number, most: number, waited: number, at: number }} */
  const scrolled = await page.evaluate(scroll(Number(values.rows), 420));
  const done = await work();
  const { longTasks } = await watched(page);
  const after = await memory(page);
  const medianWork = coldWork.toSorted((a, b) => a.all - b.all)[2] ?? noWork;
  return [
    ["first row, browser cache empty", spread(cold)],
    ["first row, browser cache filled", spread(warm)],
    ["work of the main thread until the first row, cache empty", workCells(noWork, medianWork)],
    [
      `scrolling ${number(scrolled.at)} rows, ten in a frame`,
      `${frameCells(scrolled.frames)}; frames with a part of the table not drawn: ${scrolled.blank}; rows shown as "…": ${scrolled.busy}; frames at the end of what was loaded: ${scrolled.waited}`,
    ],
    ["work of the main thread for 1,000 rows", workCells(began, done, 1000 / scrolled.at)],
    [
      "work of the main thread for a frame",
      `${number((done.all - began.all) / scrolled.frames.length)} ms`,
    ],
    ["long tasks (50 ms and more) while scrolling", taskCells(longTasks)],
    ["elements in the table at the most", number(scrolled.most)],
    [
      "heap of the tab before and after scrolling",
      `${number(before.heap)} and ${number(after.heap)} MiB`,
    ],
    ...(await measureTyping(page)),
  ];
}

/** @param {readonly number[]} times */
function spread(times) {
  return `median ${number(median(times))} ms, worst ${number(Math.max(...times))} ms`;
}

/** @param {Page} page @returns {Promise<Rows>} */
async function measureTyping(page) {
  const field = page.getByLabel("Device id begins with");
  const devices = Math.ceil(MODULES / 40);
  const all = Array.from({ length: devices }, (_, index) => `bench-${index}`);
  const answers = [];
  await page.evaluate(RESET);
  for (const prefix of ["bench-1", "bench-12", "bench-23", "bench-7", "bench-99"]) {
    const fitting = all.filter((id) => id.startsWith(prefix)).length;
    const count = Math.min(fitting * 40, MODULES).toLocaleString("en");
    await field.fill("bench-");
    await field.press("End");
    const tail = prefix.slice("bench-".length);
    for (const key of tail.slice(0, -1)) await field.press(key, { delay: 20 });
    const began = performance.now();
    await field.press(tail.at(-1) ?? "");
    await page.getByText(`${count} modules`, { exact: true }).waitFor();
    answers.push(performance.now() - began);
  }
  const { inputs } = await watched(page);
  return [
    ["a key in the filter, until it is drawn", inputCells(inputs)],
    ["from the last key of a filter until its rows are counted", spread(answers)],
  ];
}

/** Inputs below 16 ms are not told by the browser. @param {Watched["inputs"]} inputs */
function inputCells(inputs) {
  const times = inputs.map(({ duration }) => duration);
  if (times.length === 0) return "all within 16 ms";
  return `slower than 16 ms: ${times.length}; of these p50 ${number(percentile(times, 0.5))} ms, p95 ${number(percentile(times, 0.95))} ms, worst ${number(Math.max(...times))} ms`;
}

/** @param {Page} page */
async function counters(page) {
  const text = (await page.locator(".card-head", { hasText: "Messages" }).textContent()) ?? "";
  const left =
    (await page.getByText(/messages were left out here/).textContent({ timeout: 5000 })) ?? "";
  const first = (/** @type {string} */ from, /** @type {RegExp} */ what) =>
    Number(what.exec(from)?.[1]?.replaceAll(",", "") ?? Number.NaN);
  return { arrived: first(text, /([\d,]+) arrived/), left: first(left, /^([\d,]+)/) };
}

/** The counters once nothing more has come for three seconds. @param {Page} page */
async function settled(page) {
  let last = await counters(page);
  for (let still = 0; still < 3;) {
    await pass(1000);
    const now = await counters(page);
    still = Object.is(now.arrived, last.arrived) && Object.is(now.left, last.left) ? still + 1 : 0;
    last = now;
  }
  return last;
}

/**
 * @param {HubTarget} hub
 * @param {Awaited<ReturnType<typeof openBrowser>>} session
 * @returns {Promise<Rows>}
 */
async function measureEvents(hub, { page, address }) {
  const generator = new Generator(1);
  try {
    await generator.open(GROUP, hub.endpoint, hub.identities, []);
    await page.goto(`${address}/telemetry`);
    await page.getByText("live", { exact: true }).waitFor();
    const before = await memory(page);
    await generator.pace(GROUP, "telemetry", EVENTS);
    await pass(3000);
    const [began, since] = [await stored(hub), performance.now()];
    await page.evaluate(RESET);
    const work = await countWork(page);
    const quiet = await work();
    /** @type {{ frames: number[] }} */
    const shown = await page.evaluate(frames((SECONDS * 1000) / 2));
    const idle = await watched(page);
    const busy = await work();
    await page.evaluate(RESET);
    const inputs = await workMeanwhile(page, (SECONDS * 1000) / 2);
    const perSecond = ((await stored(hub)) - began) / ((performance.now() - since) / 1000);
    // It tells if the hub fell behind for a moment, as on a busy machine: the rate above says by how much.
    await generator.stop(GROUP).catch((error) => process.stderr.write(`${error}\n`));
    await page.getByRole("switch", { name: "Pause" }).uncheck();
    const after = await memory(page);
    const { arrived, left } = await settled(page);
    return [
      ["events a second, as the hub has stored them", number(perSecond)],
      ["frames while the events come", frameCells(shown.frames)],
      ["work of the main thread for a second", workCells(quiet, busy, 2 / SECONDS)],
      ["long tasks (50 ms and more)", taskCells(idle.longTasks)],
      ["an input, until it is drawn: pause, go on, type, open a message", inputCells(inputs)],
      ["heap of the tab before and after", `${number(before.heap)} and ${number(after.heap)} MiB`],
      ["DOM nodes before and after", `${number(before.nodes)} and ${number(after.nodes)}`],
      [
        "counted by the tab since the last filter",
        `${number(arrived)} arrived, ${number(left)} of them said to be left out`,
      ],
    ];
  } finally {
    await generator.end();
  }
}

/** Messages that the hub has stored. @param {HubTarget} hub */
async function stored(hub) {
  const agent = hubAgent(hub);
  const { text } = await request(hub, agent, "GET", "/$hub/events/partitions");
  agent.destroy();
  const partitions = /** @type {{ lastSequenceNumber: number }[]} */ (JSON.parse(text));
  return partitions.reduce((sum, { lastSequenceNumber }) => sum + lastSequenceNumber, 0);
}

/** Uses the page as somebody would. @param {Page} page @param {number} ms */
async function workMeanwhile(page, ms) {
  const pause = page.getByRole("switch", { name: "Pause" });
  const module = page.getByLabel("Module id");
  /** @type {Watched["inputs"]} */
  const inputs = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause.click();
    await page.getByText(/more since the pause/).waitFor();
    await page.locator(".message-line").first().click();
    await page.getByLabel("Body", { exact: true }).waitFor();
    await pause.click();
    await page.getByText(/more since the pause/).waitFor({ state: "detached" });
    await module.pressSequentially("module-1", { delay: 30 });
    await page.waitForURL(/moduleId=module-1/);
    await page.locator(".message-line").first().waitFor();
    await module.fill("");
    await page.waitForURL((url) => !url.search.includes("moduleId"));
    await page.locator(".message-line").first().waitFor();
    inputs.push(...(await watched(page)).inputs);
    await page.evaluate(RESET);
  }
  return inputs;
}

async function main() {
  mkdirSync(values.data, { recursive: true });
  const directory = mkdtempSync(path.join(path.resolve(values.data), "bench-"));
  const key = randomBytes(32).toString("base64");
  const context = {
    directory,
    dist: values.dist,
    host: HOST,
    modules: SENDERS,
    key,
    certificates: { ca: "", certFile: "", keyFile: "" },
    pin: { servers: null },
    nodeArgs: [],
    mosquitto: undefined,
  };
  const hub = await startHub(context, { data: path.join(directory, "hub"), register: false });
  try {
    await registerModules(hub, MODULES, key);
    process.stderr.write("registered\n");
    const session = await openBrowser(hub);
    try {
      const busy = busyMicros() ?? Number.NaN;
      const since = performance.now();
      const list = await measureList(session);
      process.stderr.write(`${list.map((row) => row.join(": ")).join("\n")}\n`);
      const events = await measureEvents(hub, session);
      const cores = ((busyMicros() ?? Number.NaN) - busy) / (performance.now() - since) / 1000;
      const version = session.browser.version();
      const text = markdown(directory, { list, events, cores, version });
      process.stdout.write(`${text}\n`);
      if (values.write) writePortal(text);
    } finally {
      await session.browser.close();
    }
  } finally {
    await hub.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @param {string} directory
 * @param {{ list: Rows, events: Rows, cores: number, version: string }} measured
 */
function markdown(directory, { list, events, cores, version }) {
  const { date, commit, node, cpu } = describeMachine(directory);
  const table = (/** @type {string} */ title, /** @type {Rows} */ rows) =>
    [`| ${title} | |`, "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  return [
    `Measured ${date} at commit ${commit}: Chromium ${version}, headless and without a GPU, Node ${node}, ${cpu}; all processes of the machine used ${number(cores)} cores on average.`,
    table(`${number(MODULES)} modules`, list),
    table(`${number(EVENTS)} events a second, for ${number(SECONDS)} s`, events),
  ].join("\n\n");
}

await main();
