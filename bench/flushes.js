// Watches the system calls of a hub under load: nothing may leave by a socket between the moment at which something is
// written into the write-ahead log and the moment at which that is on the disk.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream, readFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { createInterface } from "node:readline";

import { sasToken } from "./sas.js";

const HOST = "127.0.0.1";
const WRITERS = 32;
const CALLS = "pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg";

/**
 * @typedef {object} Flushes
 * @property {string} [skipped] why there are no figures
 * @property {number} [acknowledged] writes that were answered
 * @property {number} [batches] commits: writes into the log with a flush behind them, or an answer
 * @property {number} [flushes] flushes of the log by the main thread
 * @property {number} [unflushed] batches that were followed by an answer before a flush; goal 21 wants none
 */

/**
 * @param {{ dist: string, data: string, durability: "disk" | "os", writes: number }} options
 * @returns {Promise<Flushes>}
 */
export async function traceFlushes({ dist, data, durability, writes }) {
  if (spawnSync("strace", ["-V"]).status !== 0) return { skipped: "there is no strace" };
  const trace = `${data}.strace`;
  const main = path.join(dist, "cli", "main.js");
  const options = [
    "--data",
    data,
    "--durability",
    durability,
    "--listen",
    HOST,
    "--output",
    "json",
  ];
  const ports = ["--https-port", "0", "--mqtts-port", "0", "--amqps-port", "0"];
  const hub = spawn(
    "strace",
    [
      "-f",
      "-y",
      "-s",
      "0",
      "-o",
      trace,
      "-e",
      `trace=${CALLS}`,
      process.execPath,
      main,
      "start",
      ...options,
      ...ports,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(hub, "close");
  const ready = await Promise.race([firstLine(hub.stdout), ended.then(() => undefined)]);
  if (ready === undefined) return { skipped: "strace may not trace here" };
  const info = JSON.parse(ready);
  let acknowledged = 0;
  try {
    acknowledged = await load(info, writes);
  } finally {
    // strace ends with its child, which is the first process of the trace.
    process.kill(await mainThread(trace), "SIGTERM");
    await ended;
  }
  return { acknowledged, ...(await judge(trace)) };
}

/** @param {import("node:stream").Readable} stream @returns {Promise<string | undefined>} */
async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  return undefined;
}

/** @param {string} trace */
async function mainThread(trace) {
  for await (const line of createInterface({ input: createReadStream(trace) }))
    return Number.parseInt(line, 10);
  throw new Error("The trace is empty");
}

/**
 * Twin updates of modules by so many writers, each waiting for its answer; gives the number of answers.
 *
 * @param {{ connectionString: string, ports: { https: number }, caFile: string }} info
 * @param {number} writes
 */
async function load({ connectionString, ports, caFile }, writes) {
  const key = /SharedAccessKey=(.*)$/.exec(connectionString)?.[1] ?? "";
  const agent = new https.Agent({ keepAlive: true, ca: readFileSync(caFile), maxSockets: WRITERS });
  const authorization = sasToken(HOST, key, "iothubowner");
  const call = (
    /** @type {string} */ method,
    /** @type {string} */ route,
    /** @type {object} */ body,
  ) =>
    new Promise((resolve, reject) => {
      const headers = { authorization, "content-type": "application/json" };
      const target = `${route}?api-version=2021-04-12`;
      const request = https.request(
        { host: HOST, port: ports.https, path: target, method, agent, headers },
        (response) => {
          response.resume();
          response.on("end", () => {
            if ((response.statusCode ?? 500) < 300) resolve(undefined);
            else reject(new Error(`${method} ${route}: ${response.statusCode}`));
          });
        },
      );
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
  await call("PUT", "/devices/d", { deviceId: "d" });
  for (let n = 0; n < WRITERS; n++)
    await call("PUT", `/devices/d/modules/m${n}`, { deviceId: "d", moduleId: `m${n}` });
  let acknowledged = WRITERS + 1;
  const one = async (/** @type {number} */ writer) => {
    for (let n = 0; n < writes / WRITERS; n++) {
      await call("PATCH", `/twins/d/modules/m${writer}`, { tags: { n } });
      acknowledged++;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => one(writer)));
  agent.destroy();
  return acknowledged;
}

/**
 * Reads the trace. The main thread commits and answers, so that the order of its own calls decides.
 *
 * @param {string} trace
 */
async function judge(trace) {
  const figures = { batches: 0, flushes: 0, unflushed: 0 };
  /** @type {string | undefined} */
  let main;
  let isDirty = false;
  for await (const line of createInterface({ input: createReadStream(trace) })) {
    const found = /^(?<thread>\d+) +(?<call>\w+)\(\d+<(?<file>[^>]*)/.exec(line)?.groups;
    main ??= /^\d+/.exec(line)?.[0];
    if (found === undefined || found["thread"] !== main) continue;
    const { call = "", file = "" } = found;
    const isLog = file.endsWith("hub.db-wal");
    if (isLog && call === "pwrite64") isDirty = true;
    else if (isLog && call.endsWith("sync")) {
      if (isDirty) figures.batches++;
      figures.flushes++;
      isDirty = false;
    } else if (isDirty && (file.startsWith("socket:") || file.startsWith("TCP"))) {
      figures.batches++;
      figures.unflushed++;
      isDirty = false;
    }
  }
  return figures;
}
