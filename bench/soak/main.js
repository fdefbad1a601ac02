// npm run soak: a hub of its own under mixed load for minutes, and then everything that it acknowledged is looked for.
//   node bench/soak/main.js [--minutes 60] [--modules 2000] [--kill SECONDS] [--report FILE] [--dist dist] [--data data]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { cpuMicros, describeMachine } from "../machine.js";
import { pass } from "../pass.js";
import { Fleet, isClosed } from "./fleet.js";
import { HttpsMember } from "./https-member.js";
import { SoakHub } from "./hub.js";
import { Problems } from "./model.js";
import { MqttMember } from "./mqtt-member.js";
import { Reader, readSlowly } from "./reader.js";
import { Rest } from "./rest.js";
import { Services } from "./services.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    modules: { type: "string", default: "2000" },
    kill: { type: "string" },
    report: { type: "string" },
    dist: { type: "string", default: path.join(import.meta.dirname, "..", "..", "dist") },
    data: { type: "string", default: "data" },
  },
});
const minutes = Number(values.minutes);
const count = Number(values.modules);
const killEvery = values.kill === undefined ? Number.POSITIVE_INFINITY : Number(values.kill);

const TICK_MS = 20;
/** Per second and connected device or module. */
const RATES = {
  telemetry: 0.25,
  reports: 0.05,
  patches: 0.02,
  methods: 0.005,
  commands: 0.05,
  polls: 0.2,
};
/** What is due while the hub or this process is held up is made up for, but no more than this of each kind. */
const MAX_DUE = 500;
const QUERY_S = 1;
const STORM_S = 60;
const STORM_SHARE = 0.3;
const FAULT_S = 5;
const SAMPLE_S = 5;
const METRICS_S = 20;
/** What was sent gets so long to be answered, and what was stored to be read. */
const DRAIN_MS = 120_000;
/** So much may the process and its heap grow beside a share of what they are. */
const GROWTH_MIB = 24;
const HEAP_GROWTH_MIB = 12;
const FILES = 60;

/** @typedef {import("./model.js").Member} Member */

mkdirSync(values.data, { recursive: true });
const directory = mkdtempSync(path.join(path.resolve(values.data), "soak-"));
const delayFile = path.join(directory, "delay.json");
const problems = new Problems();
const host = `127.91.${10 + Math.floor(Math.random() * 200)}.${2 + Math.floor(Math.random() * 200)}`;
const hub = new SoakHub({
  host,
  dist: path.resolve(values.dist),
  data: path.join(directory, "hub"),
  delayFile,
});
try {
  await hub.start();
  const figures = await soak();
  print(figures);
  if (values.report !== undefined)
    writeFileSync(values.report, `${JSON.stringify(figures, null, 2)}\n`);
} finally {
  await hub.stop();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(problems.count === 0 ? 0 : 1);

async function soak() {
  const rest = new Rest(hub, 24);
  const fleet = new Fleet(hub, rest, count, problems);
  await fleet.register();
  const filesBefore = hub.openFiles;
  await fleet.connect();
  const filesConnected = hub.openFiles;
  const { members } = fleet;
  const services = new Services(rest, (text) => problems.add(text));
  const reader = new Reader(
    hub,
    (text) => {
      const { i, n } = JSON.parse(text);
      members[i]?.wasRead(n);
    },
    (text) => problems.add(text),
  );
  reader.open();
  const stopSlowly = readSlowly(hub);
  const unread = rest.open("/$hub/events?from=earliest");
  const frozen = members
    .filter(({ protocol, isModule }) => protocol === "mqtt" && isModule)
    .slice(0, 3);
  for (const member of frozen) fleet.freeze(member);

  /** @type {number[]} */
  const memory = [];
  /** @type {Record<string, number>[]} */
  const inside = [];
  const sampling = setInterval(() => {
    const names = ["nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"];
    rest.call("GET", "/metrics").then(
      ({ text }) => {
        const sample = names.map((name) => [
          name.replace("nodejs_", "").replace("_bytes", ""),
          Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? Number.NaN) / 2 ** 20,
        ]);
        inside.push(Object.fromEntries(sample));
      },
      () => {},
    );
  }, METRICS_S * 1000);
  const cpuBefore = cpuMicros(hub.pid) ?? 0;
  const began = performance.now();
  const kills = await load({ fleet, services, frozen, memory });
  const seconds = (performance.now() - began) / 1000;
  // Of the last of several lives nothing can be said.
  const cpu = kills > 0 ? null : ((cpuMicros(hub.pid) ?? 0) - cpuBefore) / 1e6 / seconds;
  const filesAfter = hub.openFiles;
  clearInterval(sampling);

  await drain(fleet, services);
  await compare({ fleet, rest, services, frozen });
  await readAll(fleet);
  const delay = JSON.parse(readFileSync(delayFile, "utf8"));
  reader.close();
  stopSlowly();
  unread.destroy();
  fleet.stop();
  rest.close();
  await until(() => hub.openFiles <= filesBefore + FILES, 15_000);
  const filesEnd = hub.openFiles;
  if (kills === 0 && Math.abs(filesAfter - filesConnected) > FILES)
    problems.add(
      `open files went from ${filesConnected} to ${filesAfter} with the same connections`,
    );
  if (filesEnd > filesBefore + FILES)
    problems.add(`${filesEnd} files are open after everybody has left, ${filesBefore} were before`);
  checkMemory(
    memory,
    inside.flatMap(({ heap_size_used: used }) => used ?? []),
  );
  if (hub.isGone) problems.add(`the hub has ended by itself: ${hub.errors}`);
  const stopped = await hub.stop();
  if (stopped.code !== 0) problems.add(`the hub ended with ${stopped.code}: ${hub.errors}`);
  if (!(await isClosed(host, hub.ports.mqtts))) problems.add("somebody still listens");
  const total = (/** @type {(member: Member) => number} */ of) =>
    members.reduce((sum, member) => sum + of(member), 0);
  const { commit, node } = describeMachine(directory);
  return {
    commit,
    node,
    minutes: seconds / 60,
    members: members.length,
    kills,
    connects: fleet.opens,
    ends: fleet.ends,
    telemetry: {
      sent: total((member) => member.sent),
      acknowledged: total((member) => member.acknowledgedCount),
      read: total((member) => member.seenCount),
    },
    reports: total((member) => (member.reported.version ?? 1) - 1),
    services: services.done,
    notMade: services.notMade,
    memoryMiB: memory.map(Math.round),
    insideMiB: inside,
    openFiles: { before: filesBefore, connected: filesConnected, after: filesAfter, end: filesEnd },
    eventLoopDelayMs: delay,
    cpuCores: cpu,
    stopSeconds: stopped.seconds,
    hubErrors: hub.errors,
    problems: problems.count,
    texts: problems.texts,
  };
}

/**
 * What goes on all the time: so often for each of `members`, one after the other.
 *
 * @typedef {object} Activity
 * @property {number} rate per second and member
 * @property {readonly Member[]} members
 * @property {(member: Member, n: number) => void} run `n` counts its calls
 */

/** @param {Fleet} fleet @param {Services} services @returns {Activity[]} */
function activities(fleet, services) {
  const { members, devices } = fleet;
  const talking = members.filter((member) => !fleet.isLeft(member));
  const subscribed = talking.filter(({ protocol }) => protocol !== "https");
  const polling = members.filter(({ protocol }) => protocol === "https");
  return [
    {
      rate: RATES.telemetry,
      members: talking,
      run: (member) => fleet.client(member)?.sendMessage(),
    },
    {
      rate: RATES.reports,
      members: subscribed,
      run(member, n) {
        const client = fleet.client(member);
        if (client === undefined || client instanceof HttpsMember) return;
        if (member.reported.inFlight === undefined) client.report({ [`r${n % 5}`]: n });
      },
    },
    { rate: RATES.patches, members, run: (member) => void services.patch(member) },
    { rate: RATES.methods, members: subscribed, run: (member) => void services.invoke(member) },
    { rate: RATES.commands, members: devices, run: (member) => void services.command(member) },
    {
      rate: RATES.polls,
      members: polling,
      run(member) {
        const client = fleet.client(member);
        if (client instanceof HttpsMember) client.poll().catch(() => {});
      },
    },
  ];
}

/**
 * What happens now and then.
 *
 * @param {{ fleet: Fleet, services: Services, memory: number[] }} parts
 * @returns {{ every: number, run: () => void }[]} in seconds
 */
function occasions({ fleet, services, memory }) {
  const { members, devices } = fleet;
  const modules = members.length - devices.length;
  return [
    { every: QUERY_S, run: () => void services.query(modules) },
    { every: STORM_S, run: () => fleet.storm(STORM_SHARE) },
    { every: SAMPLE_S, run: () => void memory.push(hub.residentMiB) },
    {
      every: FAULT_S,
      run() {
        const member = members[Math.floor(Math.random() * members.length)];
        const client = member === undefined ? undefined : fleet.client(member);
        if (client instanceof MqttMember) client.fault();
      },
    },
  ];
}

/** @param {{ fleet: Fleet, services: Services, frozen: readonly Member[], memory: number[] }} parts */
async function load({ fleet, services, frozen, memory }) {
  const busy = activities(fleet, services).map((activity) => ({ ...activity, due: 0, n: 0 }));
  const rare = occasions({ fleet, services, memory }).map((each) => ({ ...each, at: each.every }));
  let kills = 0;
  let nextKill = killEvery;
  const began = performance.now();
  let before = 0;
  for (;;) {
    const now = (performance.now() - began) / 1000;
    if (now >= minutes * 60) return kills;
    for (const activity of busy) {
      const { rate, members, run } = activity;
      activity.due = Math.min(activity.due + (now - before) * rate * members.length, MAX_DUE);
      for (; activity.due >= 1; activity.due--) {
        const member = members[activity.n++ % members.length];
        if (member !== undefined) run(member, activity.n);
      }
    }
    before = now;
    // Those who never read get more than their share.
    for (const member of frozen) if (Math.random() < 0.2) void services.patch(member);
    for (const each of rare) {
      if (now < each.at) continue;
      each.at += each.every;
      each.run();
    }
    if (now >= nextKill) {
      await hub.kill();
      kills++;
      await hub.start();
      nextKill = (performance.now() - began) / 1000 + killEvery;
    }
    if (hub.isGone) {
      problems.add(`the hub ended by itself: ${hub.errors}`);
      return kills;
    }
    await pass(TICK_MS);
  }
}

/** @param {() => boolean} condition @param {number} limit ms */
async function until(condition, limit) {
  for (const deadline = performance.now() + limit; performance.now() < deadline;) {
    if (condition()) return true;
    await pass(100);
  }
  return condition();
}

/** Nobody sends any more: all that is under way arrives. @param {Fleet} fleet @param {Services} services */
async function drain(fleet, services) {
  const active = fleet.members.filter((member) => !fleet.isLeft(member));
  const isBack = await until(
    () => active.every((member) => fleet.client(member) !== undefined),
    DRAIN_MS,
  );
  if (!isBack)
    problems.add(
      `${active.filter((member) => fleet.client(member) === undefined).length} did not come back`,
    );
  const isQuiet = await until(() => {
    for (const member of fleet.devices) {
      const client = fleet.client(member);
      if (client instanceof HttpsMember && member.owed.size > 0) client.poll().catch(() => {});
    }
    return (
      services.waiting === 0 &&
      fleet.members.every((member) => member.desired.inFlight === undefined) &&
      active.every((member) => member.reported.inFlight === undefined) &&
      fleet.devices.every((member) => member.owed.size === 0)
    );
  }, DRAIN_MS);
  if (isQuiet) return;
  const owed = fleet.devices.filter(({ owed: { size } }) => size > 0).length;
  const reports = active.filter(({ reported }) => reported.inFlight !== undefined).length;
  problems.add(
    `not answered in time: messages to ${owed} devices, ${reports} reports, ${services.waiting} requests`,
  );
}

/** @param {{ fleet: Fleet, rest: Rest, services: Services, frozen: readonly Member[] }} parts */
async function compare({ fleet, rest, services, frozen }) {
  // A method for each that is online: it has to be answered now.
  const online = fleet.members.filter(
    (member) => member.protocol !== "https" && !fleet.isLeft(member),
  );
  for (let at = 0; at < online.length; at += 50)
    await Promise.all(
      online.slice(at, at + 50).map((member) => services.invoke(member, fleet.age(member) > 5000)),
    );
  for (let at = 0; at < fleet.members.length; at += 16) {
    await Promise.all(
      fleet.members.slice(at, at + 16).map(async (member) => {
        const { status, text } = await rest.call("GET", member.path("twins"));
        if (status !== 200) return member.problem(`twin: ${status} ${text}`);
        const twin = JSON.parse(text);
        services.takeTwin(member, twin);
        if (frozen.includes(member)) return;
        member.reported.read(twin.properties.reported, (wrong) =>
          member.problem(`reported ${wrong}`),
        );
        if (member.protocol !== "https") member.checkHeard(twin.properties.desired);
      }),
    );
  }
}

/** @param {Fleet} fleet */
async function readAll({ members }) {
  await until(
    () => members.every((member) => member.seenCount >= member.acknowledgedCount),
    DRAIN_MS,
  );
  for (const member of members) {
    const missing = member.missing();
    if (missing.length > 0)
      member.problem(
        `${missing.length} acknowledged messages are not in the log, the first is ${missing[0]}`,
      );
  }
}

/**
 * Memory is flat if what is left after a collection does not grow, and the process does not grow without it.
 *
 * @param {readonly number[]} resident MiB
 * @param {readonly number[]} heap MiB in use, at arbitrary moments between collections
 */
function checkMemory(resident, heap) {
  if (killEvery !== Number.POSITIVE_INFINITY || heap.length < 12) return;
  const quarter = (/** @type {readonly number[]} */ all, /** @type {number} */ which) =>
    all.slice(Math.floor((all.length * which) / 4), Math.floor((all.length * (which + 1)) / 4));
  const least = (/** @type {number} */ which) => Math.min(...quarter(heap, which));
  if (least(3) > least(1) * 1.2 + HEAP_GROWTH_MIB)
    problems.add(
      `the heap grows: ${Math.round(least(1))} MiB at the least in the second quarter, ${Math.round(least(3))} MiB in the last`,
    );
  const mean = (/** @type {number} */ which) => {
    const some = quarter(resident, which);
    return some.reduce((sum, each) => sum + each, 0) / some.length;
  };
  if (mean(3) > mean(2) * 1.25 + GROWTH_MIB)
    problems.add(
      `the process grows: ${Math.round(mean(2))} MiB in the third quarter, ${Math.round(mean(3))} MiB in the last`,
    );
}

/** @param {Awaited<ReturnType<typeof soak>>} figures */
function print(figures) {
  const {
    memoryMiB,
    texts,
    telemetry,
    services: done,
    openFiles,
    eventLoopDelayMs: delay,
  } = figures;
  const step = Math.max(1, Math.floor(memoryMiB.length / 10));
  const lines = [
    `${figures.minutes.toFixed(1)} minutes, ${figures.members} devices and modules, ${figures.connects} connects, ${figures.ends} ends, ${figures.kills} kills`,
    `telemetry: ${telemetry.sent} sent, ${telemetry.acknowledged} acknowledged, ${telemetry.read} of these read back once`,
    `twins: ${figures.reports} reports, ${done.patches} patches of services, ${done.conflicts} stale etags refused`,
    `${done.methods} methods answered (${done.offline} to somebody offline), ${done.commands} messages to devices, ${done.queries} queries, ${figures.notMade} requests not made because too many waited`,
    `resident MiB: ${memoryMiB.filter((_, index) => index % step === 0).join(" ")}`,
    `heap used, MiB: ${figures.insideMiB.map((each) => each["heap_size_used"]?.toFixed(0)).join(" ")}; external: ${figures.insideMiB.map((each) => each["external_memory"]?.toFixed(0)).join(" ")}`,
    `open files: ${openFiles.before} before, ${openFiles.connected} connected, ${openFiles.after} at the end of the load, ${openFiles.end} after it`,
    `event-loop delay: p50 ${delay.p50.toFixed(1)} ms, p99 ${delay.p99.toFixed(1)} ms, max ${delay.max.toFixed(0)} ms; ${figures.cpuCores?.toFixed(2) ?? "?"} cores; stopped within ${figures.stopSeconds.toFixed(1)} s`,
    figures.problems === 0 ? "no problems" : `${figures.problems} PROBLEMS:`,
    ...texts,
  ];
  console.log(lines.join("\n"));
}
