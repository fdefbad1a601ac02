// The client of bench/amqp.js: rhea in the benchmark's own process.
import rhea from "rhea";

import { cpuMicros } from "../machine.js";
import { pass } from "../pass.js";

const WINDOW = 100;
const BODY_BYTES = 1024;
const CREDIT = 300;
const WARM_UP_MS = 500;
/** Partitions of the hub, as it is configured by default. */
export const PARTITIONS = 4;

// The generator needs to know that a message came, not what is in it.
const nothing = { body: undefined, toJSON: () => ({}) };
rhea.message.decode = () => nothing;

/**
 * @typedef {object} Server
 * @property {number} pid
 * @property {import("rhea").ConnectionOptions} endpoint
 *
 * @typedef {object} Sample
 * @property {number} rate messages per second
 * @property {number} cpu of the server, µs per message
 * @property {number} generator cores that this process used
 */

/**
 * @param {Server} server
 * @param {string} username
 * @param {string} password
 * @returns {Promise<import("rhea").Connection>}
 */
function connect({ endpoint }, username, password) {
  return new Promise((resolve, reject) => {
    const container = rhea.create_container();
    const options = { reconnect: false, tcp_no_delay: true, username, password };
    const connection = container.connect({ ...endpoint, ...options });
    connection.once("connection_open", () => resolve(connection));
    /** @param {import("rhea").EventContext} context */
    const failed = ({ error }) => reject(new Error(`connect: ${String(error)}`));
    connection.on("connection_error", failed);
    connection.on("disconnected", failed);
  });
}

/** @param {import("rhea").Connection} connection */
function close(connection) {
  return new Promise((resolve) => {
    connection.once("connection_close", resolve);
    connection.close();
  });
}

/**
 * Calls `start` with a counter to increment for each message, and measures from the end of the warm-up for `seconds`.
 *
 * @param {Server} server
 * @param {{ count: number, failed: string | undefined }} counter
 * @param {number} seconds
 * @returns {Promise<Sample>}
 */
async function sample(server, counter, seconds) {
  await pass(WARM_UP_MS);
  const from = { count: counter.count, at: performance.now(), own: process.cpuUsage() };
  const cpuBefore = cpuMicros(server.pid) ?? Number.NaN;
  await pass(seconds * 1000);
  const messages = counter.count - from.count;
  const micros = (performance.now() - from.at) * 1000;
  const cpu = (cpuMicros(server.pid) ?? Number.NaN) - cpuBefore;
  const own = process.cpuUsage(from.own);
  if (counter.failed !== undefined) throw new Error(`failed: ${counter.failed}`);
  return {
    rate: (messages / micros) * 1e6,
    cpu: cpu / messages,
    generator: (own.user + own.system) / micros,
  };
}

/**
 * Device-to-cloud messages, each of which the server has accepted.
 *
 * @param {Server} server
 * @param {readonly { username: string, password: string, address: string }[]} senders
 * @param {number} seconds
 * @returns {Promise<Sample & { accepted: number }>} `accepted` counts the warm-up and the end too
 */
export async function ingest(server, senders, seconds) {
  const body = rhea.message.data_section(Buffer.alloc(BODY_BYTES, 0x78));
  const bytes = rhea.message.encode({ application_properties: { line: "a" }, body });
  const counter = { count: 0, failed: /** @type {string | undefined} */ (undefined) };
  let stopping = false;
  const all = await Promise.all(
    senders.map(async ({ username, password, address }) => {
      const connection = await connect(server, username, password);
      const sender = connection.open_sender(address);
      let unsettled = 0;
      const fill = () => {
        // rhea takes credit when it writes: what it holds back counts against the window all the same.
        if (stopping) return;
        while (unsettled < WINDOW && sender.sendable()) {
          unsettled++;
          sender.send(bytes, undefined, 0);
        }
      };
      sender.on("sendable", fill);
      sender.on("accepted", () => {
        counter.count++;
        unsettled--;
        fill();
      });
      for (const refusal of ["rejected", "released", "sender_error", "sender_close"])
        sender.on(refusal, () => {
          counter.failed ??= `${refusal} ${JSON.stringify(sender.error)}`;
        });
      return { connection, settled: () => unsettled === 0 };
    }),
  );
  const result = await sample(server, counter, seconds);
  stopping = true;
  const deadline = performance.now() + 10_000;
  while (!all.every(({ settled }) => settled())) {
    if (performance.now() > deadline) throw new Error("messages were not answered");
    await pass(10);
  }
  await Promise.all(all.map(({ connection }) => close(connection)));
  return { ...result, accepted: counter.count };
}

/**
 * Reads all partitions from the start; when everything has come, again, until the time is over.
 *
 * @param {Server} server
 * @param {string} username
 * @param {string} password
 * @param {(partition: number) => string} address
 * @param {number} stored messages in all partitions
 * @param {number} seconds
 * @returns {Promise<Sample>}
 */
export async function read(server, username, password, address, stored, seconds) {
  const connection = await connect(server, username, password);
  const counter = { count: 0, failed: /** @type {string | undefined} */ (undefined) };
  let stopping = false;
  /** @type {import("rhea").Receiver[]} */
  let receivers = [];
  let left = 0;
  const pass = () => {
    left = stored;
    receivers = Array.from({ length: PARTITIONS }, (_, partition) => {
      const source = { address: address(partition) };
      const receiver = connection.open_receiver({ source, credit_window: CREDIT });
      receiver.on("message", () => {
        counter.count++;
        if (--left > 0) return;
        for (const done of receivers) done.close();
        if (!stopping) setImmediate(pass);
      });
      receiver.on("receiver_error", () => {
        counter.failed ??= JSON.stringify(receiver.error);
      });
      return receiver;
    });
  };
  pass();
  const result = await sample(server, counter, seconds);
  stopping = true;
  await close(connection);
  return result;
}
