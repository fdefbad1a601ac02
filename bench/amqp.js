// AMQP over TLS, 1 KB bodies: what ingest and Event Hubs reads cost the hub, beside a minimal server on rhea.
//   node bench/amqp.js [--dist dist] [--seconds 5] [--rounds 3] [--data data]
// Ten modules send with 100 unsettled messages each; then one receiver for each partition reads everything from the
// start, again and again. Prints a Markdown table of medians.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { BASELINE_NAME, makeCertificates } from "./certificates.js";
import { ingest, PARTITIONS, read } from "./generator/amqp.js";
import { busyMicros, describeMachine } from "./machine.js";
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
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const HOST = "127.91.17.5";
const SENDERS = 10;
/** bench/modules.js puts 40 modules on each device; events of a device share a partition, so each sender has its own. */
const MODULES_PER_DEVICE = 40;

/** @typedef {import("./generator/amqp.js").Server} Server */
/** @typedef {import("./generator/amqp.js").Sample} Sample */

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
    const sent = await ingest(twinhub, senders, seconds);
    stored += sent.accepted;
    samples.ingestHub.push(sent);
    samples.ingestRhea.push(await ingest(baseline, senders, seconds));
    const partition = (/** @type {number} */ n) =>
      `${entity}/ConsumerGroups/$Default/Partitions/${n}`;
    samples.readHub.push(await read(twinhub, owner, token, partition, stored, seconds));
    const each = Math.ceil(stored / PARTITIONS);
    for (const kind of /** @type {const} */ (["objects", "bytes"])) {
      const into = kind === "objects" ? samples.readObjects : samples.readBytes;
      const all = each * PARTITIONS;
      into.push(await read(baseline, owner, token, () => `${kind}/${each}`, all, seconds));
    }
  }
  const busy =
    ((busyMicros() ?? Number.NaN) - before.busy) / ((performance.now() - before.at) * 1000);

  const ingestHub = medians(samples.ingestHub);
  const ingestRhea = medians(samples.ingestRhea);
  const readHub = medians(samples.readHub);
  const readObjects = medians(samples.readObjects);
  const readBytes = medians(samples.readBytes);
  if (values.json) {
    const cells = [
      { row: "ingest", server: "twinhub, on disk", it: ingestHub, hub: ingestHub },
      { row: "ingest", server: "rhea, stores nothing", it: ingestRhea, hub: ingestHub },
      { row: "read", server: "twinhub, from the log", it: readHub, hub: readHub },
      { row: "read", server: "rhea, encodes each message", it: readObjects, hub: readHub },
      { row: "read", server: "rhea, bytes encoded before", it: readBytes, hub: readHub },
    ];
    const machine = { ...describeMachine(directory), coresUsed: busy };
    for (const { row: name, server, it, hub: ours } of cells) {
      const cell = { perSecond: it.rate, cpuMicros: it.cpu, generatorCores: it.generator };
      const hubAgainstIt = { rate: ours.rate / it.rate, cpu: ours.cpu / it.cpu };
      console.log(
        JSON.stringify({ bench: "amqp", row: name, server, ...cell, hubAgainstIt, machine }),
      );
    }
    return;
  }
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
