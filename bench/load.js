// A thousand modules that stay connected, send, and are sent to: does the hub's memory stay flat, is anything lost?
//   node bench/load.js [--modules 1000] [--minutes 10] [--dist dist]
// Each module sends one QoS 1 message a second. In turn, modules get a desired change and a direct method, 20 of each a
// second, and report what they were told. Each minute one line; at the end the totals.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import tls from "node:tls";
import { parseArgs } from "node:util";
import mqtt from "mqtt-packet";

import { residentKiB } from "./machine.js";
import { identities, registerModules, request } from "./modules.js";

const { values } = parseArgs({
  options: {
    modules: { type: "string", default: "1000" },
    minutes: { type: "string", default: "10" },
    dist: { type: "string", default: "dist" },
  },
});
const count = Number(values.modules);
const minutes = Number(values.minutes);
/** Desired changes, and direct methods, a second. */
const perSecond = 20;

const data = mkdtempSync(path.join(os.tmpdir(), "twinhub-load-"));
const address = "127.91.17.3";
const hub = spawn(
  process.execPath,
  [
    path.resolve(values.dist, "cli", "main.js"),
    "start",
    `--data=${data}`,
    `--listen=${address}`,
    "--https-port=0",
    "--mqtts-port=0",
    "--amqps-port=0",
    "--output=json",
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const ready = await new Promise((resolve, reject) => {
  createInterface({ input: hub.stdout }).once("line", (line) => resolve(JSON.parse(line)));
  hub.once("exit", () => reject(new Error("the hub ended before it was ready")));
});
const ca = readFileSync(ready.caFile);
const key = /SharedAccessKey=(.*)$/.exec(ready.connectionString)?.[1] ?? "";
const secret = Buffer.alloc(32, 7).toString("base64");
const target = /** @type {import("./targets/hub.js").HubTarget} */ (
  /** @type {unknown} */ ({
    hostName: ready.hostName,
    httpsPort: ready.ports.https,
    policy: { name: "iothubowner", key },
    endpoint: { host: address, ca },
  })
);
const agent = new https.Agent({ keepAlive: true, maxSockets: 32, ca });
await registerModules(target, count, secret);
const all = identities(count, ready.hostName, secret);

const totals = {
  sent: 0,
  acknowledged: 0,
  patches: 0,
  pushes: 0,
  reports: 0,
  methods: 0,
  answers: 0,
};
let lost = 0;
let stopping = false;

/**
 * @param {(typeof all)[number]} identity
 * @returns {Promise<{ tell(): void }>}
 */
function connect(identity) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: address,
      port: ready.ports.mqtts,
      ca,
      rejectUnauthorized: true,
    });
    const parser = mqtt.parser();
    let next = 0;
    /** @param {any} packet */
    const send = (packet) => socket.write(mqtt.generate(packet));
    socket.on("secureConnect", () =>
      send({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: true,
        keepalive: 120,
        clientId: identity.clientId,
        username: identity.username,
        password: Buffer.from(identity.password),
      }),
    );
    parser.on("packet", (/** @type {any} */ packet) => {
      if (packet.cmd === "connack") {
        if (packet.returnCode !== 0) return reject(new Error(`CONNACK ${packet.returnCode}`));
        const topics = ["twin/res/#", "twin/PATCH/properties/desired/#", "methods/POST/#"];
        const subscriptions = topics.map((topic) => ({ topic: `$iothub/${topic}`, qos: 0 }));
        send({ cmd: "subscribe", messageId: 65000, subscriptions });
      } else if (packet.cmd === "suback") {
        resolve({ tell });
      } else if (packet.cmd === "puback") {
        totals.acknowledged++;
      } else if (packet.cmd === "publish") {
        received(String(packet.topic), packet.payload);
      }
    });
    /** @param {string} topic @param {Buffer} payload */
    function received(topic, payload) {
      if (topic.startsWith("$iothub/methods/POST/")) {
        const rid = topic.slice(topic.indexOf("$rid="));
        send({ cmd: "publish", qos: 0, topic: `$iothub/methods/res/200/?${rid}`, payload });
      } else if (topic.startsWith("$iothub/twin/PATCH/")) {
        totals.pushes++;
        const reported = JSON.stringify({ seen: JSON.parse(String(payload)).n });
        const topic = `$iothub/twin/PATCH/properties/reported/?$rid=${++next}`;
        send({ cmd: "publish", qos: 0, topic, payload: reported });
      } else if (topic.startsWith("$iothub/twin/res/204")) {
        totals.reports++;
      }
    }
    function tell() {
      totals.sent++;
      send({
        cmd: "publish",
        qos: 1,
        messageId: (totals.sent % 60000) + 1,
        topic: `devices/${identity.deviceId}/modules/${identity.moduleId}/messages/events/`,
        payload: `{"temperature":${20 + (totals.sent % 10)},"filler":"${"x".repeat(200)}"}`,
      });
    }
    socket.on("data", (chunk) => parser.parse(chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      if (!stopping) lost++;
    });
  });
}

/** @type {{ tell(): void }[]} */
const clients = [];
for (let at = 0; at < all.length; at += 20) {
  clients.push(...(await Promise.all(all.slice(at, at + 20).map((identity) => connect(identity)))));
}
console.log(`${clients.length} modules connected; ${minutes} minutes`);

/** Resident memory of the hub, in MiB. */
const rss = () => Math.round((residentKiB(hub.pid ?? 0) ?? 0) / 1024);

let turn = 0;
const began = Date.now();
const memory = [rss()];
const telling = setInterval(() => {
  // A tenth of them each 100 ms, so that each tells something once a second.
  for (let at = turn % 10; at < clients.length; at += 10) clients[at]?.tell();
  turn++;
}, 100);
const asking = setInterval(() => {
  const identity = all[Math.floor(Math.random() * all.length)];
  if (identity === undefined) return;
  const at = `/twins/${identity.deviceId}/modules/${identity.moduleId}`;
  totals.patches++;
  totals.methods++;
  const desired = { n: totals.patches };
  request(target, agent, "PATCH", at, { properties: { desired } }).catch(failed);
  request(target, agent, "POST", `${at}/methods`, { methodName: "echo", payload: totals.methods })
    .then(() => totals.answers++)
    .catch(failed);
}, 1000 / perSecond);

/** @param {unknown} why */
function failed(why) {
  console.error("a call failed:", why);
}

for (let minute = 1; minute <= minutes; minute++) {
  await new Promise((resolve) => setTimeout(resolve, 60_000 * minute - (Date.now() - began)));
  memory.push(rss());
  console.log(
    `minute ${minute}: ${JSON.stringify(totals)}, RSS ${memory.at(-1)} MiB, lost ${lost}`,
  );
}
clearInterval(telling);
clearInterval(asking);
await new Promise((resolve) => setTimeout(resolve, 3_000));
console.log(
  `end: ${JSON.stringify(totals)}, connections lost ${lost}, RSS by minute ${memory.join(" ")} MiB`,
);
stopping = true;
hub.kill("SIGTERM");
await new Promise((resolve) => hub.once("exit", resolve));
rmSync(data, { recursive: true, force: true });
process.exit(totals.acknowledged === totals.sent && lost === 0 ? 0 : 1);
