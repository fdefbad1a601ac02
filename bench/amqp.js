// AMQP over TLS, 1 KB bodies: what ingest and Event Hubs reads cost the hub, beside a minimal server on rhea.
//   node bench/amqp.js [--dist dist] [--seconds 5] [--rounds 3] [--data data]
// Ten modules send with 100 unsettled messages each; then one receiver for each partition reads everything from the
// start, again and again. Prints a Markdown table of medians.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import rhea from "rhea";

import { BASELINE_NAME, makeCertificates } from "./certificates.js";
import { busyMicros, cpuMicros, describeMachine } from "./machine.js";
import { number } from "./report.js";
import { sasToken } from "./sas.js";
import { median } from "./statistics.js";
import { startHub } from "./targets/hub.js";
import { run } from "./targets/process.js";

const { values } = parseArgs({
  options: {
    dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    data: { type: "string", default: "data" },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const HOST = "127.91.17.5";
const SENDERS = 10;
const WINDOW = 100;
const BODY_BYTES = 1024;
const PARTITIONS = 4;
const CREDIT = 300;
const WARM_UP_MS = 500;
/** bench/modules.js puts 40 modules on each device; events of a device share a partition, so each sender has its own. */
const MODULES_PER_DEVICE = 40;

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
 * @returns {Promise<Sample>}
 */
async function sample(server, counter) {
  await sleep(WARM_UP_MS);
  const from = { count: counter.count, at: performance.now(), own: process.cpuUsage() };
  const cpuBefore = cpuMicros(server.pid) ?? Number.NaN;
  await sleep(seconds * 1000);
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

/** @param {number} ms @returns {Promise<void>} */
function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * Device-to-cloud messages, each of which the server has accepted.
 *
 * @param {Server} server
 * @param {readonly { username: string, password: string, address: string }[]} senders
 * @returns {Promise<Sample & { accepted: number }>} `accepted` counts the warm-up and the end too
 */
async function ingest(server, senders) {
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
  const result = await sample(server, counter);
  stopping = true;
  const deadline = performance.now() + 10_000;
  while (!all.every(({ settled }) => settled())) {
    if (performance.now() > deadline) throw new Error("messages were not answered");
    await sleep(10);
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
 * @returns {Promise<Sample>}
 */
async function read(server, username, password, address, stored) {
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
  const result = await sample(server, counter);
  stopping = true;
  await close(connection);
  return result;
}

mkdirSync(values.data, { recursive: true });
const directory = mkdtempSync(path.join(path.resolve(values.data), "amqp-"));
/** @type {(() => Promise<void>)[]} */
const stops = [];
try {
  await measure();
} finally {
  await Promise.all(stops.map((stop) => stop()));
  rmSync(directory, { recursive: true, force: true });
}

async function measure() {
  const certificates = await makeCertificates(values.dist, directory);
  const pin = { servers: null };
  const hub = await startHub(
    {
      directory,
      dist: path.resolve(values.dist),
      host: HOST,
      modules: SENDERS * MODULES_PER_DEVICE,
      key: Buffer.alloc(32, 7).toString("base64"),
      certificates,
      pin,
      nodeArgs: [],
      mosquitto: undefined,
    },
    { data: path.join(directory, "hub") },
  );
  stops.push(hub.stop);
  const script = path.join(import.meta.dirname, "baselines", "rhea-server.js");
  const { certFile, keyFile, ca } = certificates;
  const files = ["--cert", certFile, "--key", keyFile];
  const started = run(process.execPath, [script, ...files, "--listen", HOST], pin);
  stops.push(started.stop);
  const { port } = JSON.parse(await started.line);

  /** @type {Server} */
  const twinhub = {
    pid: hub.pid,
    endpoint: tlsEndpoint(hub.hostName, hub.amqpsPort, hub.endpoint.ca ?? ""),
  };
  /** @type {Server} */
  const baseline = { pid: started.pid, endpoint: tlsEndpoint(BASELINE_NAME, port, ca) };
  const senders = hub.identities
    .filter((_, index) => index % MODULES_PER_DEVICE === 0)
    .map(({ deviceId, moduleId, password }) => ({
      username: `${deviceId}/modules/${moduleId}@sas.${hub.hostName}`,
      password,
      address: `/devices/${deviceId}/modules/${moduleId}/messages/events`,
    }));
  const owner = `${hub.policy.name}@sas.root.${hub.hostName}`;
  const token = sasToken(hub.hostName, hub.policy.key, hub.policy.name);
  const entity = hub.hostName.split(".", 1)[0];

  /** @type {Record<"ingestHub" | "ingestRhea" | "readHub" | "readObjects" | "readBytes", Sample[]>} */
  const samples = { ingestHub: [], ingestRhea: [], readHub: [], readObjects: [], readBytes: [] };
  const before = { busy: busyMicros() ?? Number.NaN, at: performance.now() };
  let stored = 0;
  for (let round = 0; round < rounds; round++) {
    const sent = await ingest(twinhub, senders);
    stored += sent.accepted;
    samples.ingestHub.push(sent);
    samples.ingestRhea.push(await ingest(baseline, senders));
    const partition = (/** @type {number} */ n) =>
      `${entity}/ConsumerGroups/$Default/Partitions/${n}`;
    samples.readHub.push(await read(twinhub, owner, token, partition, stored));
    const each = Math.ceil(stored / PARTITIONS);
    for (const kind of /** @type {const} */ (["objects", "bytes"])) {
      const into = kind === "objects" ? samples.readObjects : samples.readBytes;
      const all = each * PARTITIONS;
      into.push(await read(baseline, owner, token, () => `${kind}/${each}`, all));
    }
  }
  const busy =
    ((busyMicros() ?? Number.NaN) - before.busy) / ((performance.now() - before.at) * 1000);

  const ingestHub = medians(samples.ingestHub);
  const ingestRhea = medians(samples.ingestRhea);
  const readHub = medians(samples.readHub);
  const readObjects = medians(samples.readObjects);
  const readBytes = medians(samples.readBytes);
  const { commit, cpu, date, node } = describeMachine(directory);
  console.log(
    `Measured ${date} at commit ${commit}: Node ${node}, ${cpu}; medians of ${rounds} interleaved rounds of ${seconds} s. ` +
      `All processes of the machine used ${busy.toFixed(2)} cores on average; ${stored} messages were stored and read.\n\n` +
      [
        "| Row | Server | Messages/s | Server CPU, µs per message | Generator CPU, cores | The hub's rate against it | CPU per message of it against the hub's |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        row("ingest", "twinhub, on disk", ingestHub),
        row("ingest", "rhea, stores nothing", ingestRhea, ingestHub),
        row("read", "twinhub, from the log", readHub),
        row("read", "rhea, encodes each message", readObjects, readHub),
        row("read", "rhea, bytes encoded before", readBytes, readHub),
      ].join("\n"),
  );
}

/**
 * @param {string} servername
 * @param {number} port
 * @param {string} ca PEM
 * @returns {import("rhea").ConnectionOptions}
 */
function tlsEndpoint(servername, port, ca) {
  return { transport: "tls", host: HOST, port, servername, ca, rejectUnauthorized: true };
}

/** @param {readonly Sample[]} all @returns {Sample} */
function medians(all) {
  return {
    rate: median(all.map(({ rate }) => rate)),
    cpu: median(all.map(({ cpu }) => cpu)),
    generator: median(all.map(({ generator }) => generator)),
  };
}

/**
 * @param {string} name
 * @param {string} server
 * @param {Sample} it
 * @param {Sample} [hub] what the ratios are for
 */
function row(name, server, it, hub) {
  const ratios =
    hub === undefined
      ? ["", ""]
      : [`${(hub.rate / it.rate).toFixed(2)} x`, `${(it.cpu / hub.cpu).toFixed(2)} x`];
  const cells = [name, server, number(it.rate), number(it.cpu), number(it.generator), ...ratios];
  return `| ${cells.join(" | ")} |`;
}
