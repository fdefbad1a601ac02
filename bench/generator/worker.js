// A generator thread: obeys the commands of generator.js. A group is a set of clients of one server.
import { parentPort } from "node:worker_threads";

import { Client, dialler } from "./client.js";
import { Histogram } from "./histogram.js";

/** @typedef {import("./client.js").Identity} Identity */
/** @typedef {import("./client.js").Endpoint} Endpoint */
/** @typedef {import("./packets.js").LoadKind} LoadKind */

const PARALLEL_HANDSHAKES = 32;
const DRAIN_MS = 10_000;

class Group {
  count = 0;
  latencies = new Histogram();
  /** @type {string | null} */
  failure = null;
  since = performance.now();
  /** @type {Client[]} */
  clients = [];
  /** @type {(() => Promise<void>) | null} */
  halt = null;

  /** @param {number} sentAt @param {number} now */
  answered = (sentAt, now) => {
    this.count++;
    this.latencies.record((now - sentAt) * 1000);
  };

  /** @param {string} reason */
  failed = (reason) => {
    this.failure ??= reason;
  };
}

/** @type {Map<string, Group>} */
const groups = new Map();

/** @param {string} name */
function groupOf(name) {
  const group = groups.get(name);
  if (group === undefined) throw new Error(`no group ${name}`);
  return group;
}

/**
 * Connects the clients of a group, a few handshakes at a time.
 *
 * @param {{ group: string, endpoint: Endpoint, identities: Identity[], filters: string[] }} args
 */
async function open({ group: name, endpoint, identities, filters }) {
  const group = groups.get(name) ?? new Group();
  groups.set(name, group);
  const dial = dialler(endpoint);
  let next = 0;
  const connectOneByOne = async () => {
    for (let identity = identities[next++]; identity !== undefined; identity = identities[next++]) {
      const client = new Client(dial(), identity);
      const code = await client.open(filters);
      if (code !== 0) throw new Error(`${identity.clientId}: CONNACK ${code}`);
      group.clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_HANDSHAKES }, connectOneByOne));
  return identities.length;
}

/** @param {{ group: string, kind: LoadKind, window: number }} args */
function start({ group: name, kind, window }) {
  const group = groupOf(name);
  mark({ group: name });
  for (const client of group.clients) client.start(kind, window, group);
}

/**
 * Sends at a fixed rate whatever the answers do; latencies count from the time at which a message was due.
 *
 * @param {{ group: string, kind: LoadKind, perSecond: number }} args
 */
function pace({ group: name, kind, perSecond }) {
  const group = groupOf(name);
  start({ group: name, kind, window: 0 });
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const client = group.clients[sent % group.clients.length];
      if (client?.send(1, began + (sent * 1000) / perSecond) !== true)
        group.failed("the server fell behind the fixed rate");
    }
  }, 1);
  group.halt = async () => clearInterval(timer);
}

/**
 * Connects, waits for CONNACK, leaves, and begins again, on `parallel` connections at once.
 *
 * @param {{ group: string, endpoint: Endpoint, identities: Identity[], parallel: number }} args
 */
function churn({ group: name, endpoint, identities, parallel }) {
  const group = new Group();
  groups.set(name, group);
  const dial = dialler(endpoint);
  const state = { running: true };
  let next = 0;
  const loop = async () => {
    while (state.running) {
      const identity = identities[next++ % identities.length];
      if (identity === undefined) return;
      const began = performance.now();
      const client = new Client(dial(), identity);
      const code = await client.open([]);
      if (code !== 0) throw new Error(`${identity.clientId}: CONNACK ${code}`);
      group.answered(began, performance.now());
      await client.close();
    }
  };
  const loops = Promise.all(Array.from({ length: parallel }, loop)).catch((error) => {
    state.running = false;
    group.failed(String(error));
  });
  group.halt = async () => {
    state.running = false;
    await loops;
  };
}

/**
 * Hands out what was counted since the last mark and begins anew.
 *
 * @param {{ group: string }} args
 */
function mark({ group: name }) {
  const group = groupOf(name);
  const now = performance.now();
  const result = {
    count: group.count,
    ms: now - group.since,
    latencies: group.latencies.counts.slice(),
    failure: group.failure,
  };
  group.count = 0;
  group.since = now;
  group.latencies.clear();
  return result;
}

/** @param {{ group: string }} args */
async function stop({ group: name }) {
  const group = groupOf(name);
  for (const client of group.clients) client.stop();
  await group.halt?.();
  group.halt = null;
  const deadline = performance.now() + DRAIN_MS;
  while (group.failure === null && group.clients.some((client) => client.inFlight > 0)) {
    if (performance.now() > deadline)
      group.failed(`messages without an answer after ${DRAIN_MS / 1000} s`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
  if (group.failure !== null) throw new Error(group.failure);
}

/** @param {{ group: string }} args */
async function close({ group: name }) {
  const group = groups.get(name);
  groups.delete(name);
  await Promise.all(group?.clients.map((client) => client.close()) ?? []);
}

/** @type {Record<string, (args: any) => unknown>} */
const commands = { open, start, pace, churn, mark, stop, close };

/** @param {{ id: number, command: string, args: object }} call */
async function obey({ id, command, args }) {
  try {
    reply({ id, result: await commands[command]?.(args) });
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

/** @param {object} message */
function reply(message) {
  // A port of worker_threads: it knows no target origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(message);
}

parentPort?.on("message", (call) => void obey(call));
