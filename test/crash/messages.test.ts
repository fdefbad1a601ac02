import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Packet } from "mqtt-packet";
import { afterAll, describe, expect, it } from "vitest";
import { type HubProcess, startHubProcess } from "../../samples/hub-process.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { MqttClient } from "../support/mqtt-client.ts";

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const address = "127.0.0.1";
const kills = 20;
const deviceId = "d1";
const identities = [{ deviceId }, { deviceId, moduleId: "m1" }] as const;
type Identity = (typeof identities)[number];

let running: HubProcess | undefined;
let directory: string | undefined;
afterAll(async () => {
  running?.program.kill("SIGKILL");
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

interface Hub {
  readonly process: HubProcess;
  readonly https: number;
  readonly mqtts: number;
  readonly ca: string;
  readonly agent: Agent;
}

async function start(data: string): Promise<Hub> {
  const anyPort = ["--https-port", "0", "--mqtts-port", "0", "--amqps-port", "0"];
  const options = ["--data", data, "--log-level", "error", ...anyPort];
  const process = await startHubProcess(main, address, options);
  running = process;
  const { ports } = process as unknown as { ports: { https: number; mqtts: number } };
  const ca = await readFile(process.caFile, "utf8");
  return { process, ...ports, ca, agent: new Agent({ keepAlive: true, ca }) };
}

async function kill(hub: Hub): Promise<void> {
  hub.process.program.kill("SIGKILL");
  await hub.process.program.ended;
  hub.agent.destroy();
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A call with the owner's rights; rejects when the hub dies before it has answered. */
function call(hub: Hub, method: string, target: string, body = ""): Promise<Answer> {
  const key = /SharedAccessKey=(.*)$/.exec(hub.process.connectionString)?.[1] ?? "";
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const policy = "iothubowner";
  const authorization = createSasToken({ resource: address, key, expiry, policy });
  return new Promise((resolve, reject) => {
    const sent = request({
      host: address,
      port: hub.https,
      agent: hub.agent,
      method,
      path: `${target}?api-version=2021-04-12`,
      headers: { authorization, "content-type": "application/json" },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end(body);
  });
}

function pathOf(identity: Identity, root: string): string {
  const module = "moduleId" in identity ? `/modules/${identity.moduleId}` : "";
  return `/${root}/${identity.deviceId}${module}`;
}

/** What the hub has acknowledged and what it has sent, over all of its lives. */
class Record {
  /** Acknowledged telemetry in the order of its PUBACKs, by identity. */
  readonly telemetry = new Map<string, string[]>();
  /** Messages to the device that were accepted. */
  readonly sent = new Set<string>();
  /** Accepted or not: the hub died before it could say. */
  readonly maybeSent = new Set<string>();
  readonly delivered = new Set<string>();
  /** PUBACK sent, and telemetry that was sent behind it acknowledged: the completion is durable. */
  readonly completed = new Set<string>();
  readonly called = new Set<string>();
  readonly problems: string[] = [];
  answers = 0;
  redelivered = 0;
  /** Hears of each answered call, each completed message and each acknowledged telemetry message. */
  onStep: (kind: "answer" | "completion" | "telemetry") => void = () => {};

  wasDelivered(body: string, dup: boolean): void {
    if (this.completed.has(body)) this.problems.push(`${body} came again after it was completed`);
    if (!this.sent.has(body) && !this.maybeSent.has(body)) this.problems.push(`${body} is unknown`);
    // The other way round is allowed: the hub may have died between taking a message and sending it.
    if (this.delivered.has(body) && !dup) this.problems.push(`${body} came again without DUP`);
    if (this.delivered.has(body)) this.redelivered++;
    this.delivered.add(body);
  }

  wasCalled(id: string): void {
    if (this.called.has(id)) this.problems.push(`${id} was called twice`);
    this.called.add(id);
  }
}

const filters = ["devices/d1/messages/devicebound/#", "$iothub/methods/POST/#"];

/** One identity's client: sends telemetry all the time, completes messages, answers methods. */
class Traffic {
  readonly #client: MqttClient;
  readonly #record: Record;
  readonly #topic: string;
  readonly #name: string;
  readonly #prefix: string;
  readonly #unacknowledged = new Map<number, { body: string; completes: readonly string[] }>();
  #completing: string[] = [];
  #packetId = 0;

  constructor(client: MqttClient, identity: Identity, round: number, record: Record) {
    this.#client = client;
    this.#record = record;
    this.#topic = `${pathOf(identity, "devices").slice(1)}/messages/events`;
    this.#name = pathOf(identity, "devices");
    this.#prefix = `${round}.${identity === identities[0] ? "d" : "m"}`;
  }

  begin(): void {
    this.#client.onPacket = (packet) => this.#received(packet);
    this.#client.send({
      cmd: "subscribe",
      messageId: 65_535,
      subscriptions: filters.map((topic) => ({ topic, qos: 1 })),
    });
    for (let i = 0; i < 8; i++) this.#sendNext();
  }

  #sendNext(): void {
    this.#packetId++;
    const body = `${this.#prefix}.${this.#packetId}`;
    this.#unacknowledged.set(this.#packetId, { body, completes: this.#completing });
    this.#completing = [];
    this.#client.publish(this.#topic, body, 1, this.#packetId);
  }

  #received(packet: Packet): void {
    if (packet.cmd === "puback") return this.#acknowledged(packet.messageId ?? 0);
    if (packet.cmd !== "publish") return;
    const body = packet.payload.toString();
    const rid = /\?\$rid=(.*)$/.exec(packet.topic)?.[1];
    if (rid !== undefined) {
      this.#record.wasCalled(body);
      return this.#client.publish(`$iothub/methods/res/200/?$rid=${rid}`, body, 0);
    }
    this.#record.wasDelivered(body, packet.dup);
    this.#client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
    this.#completing.push(body);
  }

  #acknowledged(packetId: number): void {
    const sent = this.#unacknowledged.get(packetId);
    if (sent === undefined) return;
    this.#unacknowledged.delete(packetId);
    const known = this.#record.telemetry.get(this.#name) ?? [];
    this.#record.telemetry.set(this.#name, known);
    known.push(sent.body);
    this.#record.onStep("telemetry");
    for (const body of sent.completes) {
      this.#record.completed.add(body);
      this.#record.onStep("completion");
    }
    this.#sendNext();
  }
}

async function connect(hub: Hub, identity: Identity, key: string): Promise<MqttClient> {
  const resource = `${address}${pathOf(identity, "devices")}`;
  const ids = "moduleId" in identity ? `${deviceId}/${identity.moduleId}` : deviceId;
  const { client } = await MqttClient.connect(
    { host: address, port: hub.mqtts, ca: hub.ca },
    {
      clientId: ids,
      username: `${address}/${ids}/?api-version=2021-04-12`,
      password: Buffer.from(
        createSasToken({ resource, key, expiry: Math.floor(Date.now() / 1000) + 3600 }),
      ),
    },
  );
  return client;
}

/** Sends messages to the device until the hub dies. */
async function sendMessages(hub: Hub, prefix: string, record: Record): Promise<void> {
  for (let n = 0; ; n++) {
    const body = `${prefix}.${n}`;
    record.maybeSent.add(body);
    const target = `/devices/${deviceId}/messages/deviceBound`;
    const outcome = await call(hub, "POST", target, body).catch(() => undefined);
    if (outcome === undefined) return;
    record.maybeSent.delete(body);
    if (outcome.status === 204) record.sent.add(body);
    else expect(outcome.text).toContain("DeviceMaximumQueueDepthExceeded");
  }
}

/** Calls methods until the hub dies; who is answered, is answered with what the client has said. */
async function callMethods(
  hub: Hub,
  identity: Identity,
  prefix: string,
  record: Record,
): Promise<void> {
  for (let n = 0; ; n++) {
    const payload = `${prefix}.${n}`;
    const body = JSON.stringify({ methodName: "echo", payload, connectTimeoutInSeconds: 10 });
    const target = `${pathOf(identity, "twins")}/methods`;
    const outcome = await call(hub, "POST", target, body).catch(() => undefined);
    if (outcome === undefined) return;
    if (outcome.text !== JSON.stringify({ status: 200, payload }))
      record.problems.push(`${payload} was answered with ${outcome.status} ${outcome.text}`);
    record.answers++;
    record.onStep("answer");
  }
}

async function setUp(hub: Hub): Promise<ReadonlyMap<Identity, string>> {
  const keys = new Map<Identity, string>();
  for (const identity of identities) {
    const made = await call(hub, "PUT", pathOf(identity, "devices"), JSON.stringify(identity));
    expect(made.status).toBeLessThan(300);
    keys.set(identity, JSON.parse(made.text).authentication.symmetricKey.primaryKey);
  }
  return keys;
}

/**
 * Resolves after a random number of answers and completions, however slow the machine is; in one round of five with the
 * first telemetry message, while all else begins.
 */
function randomMoment(round: number, record: Record): Promise<void> {
  let left = 1 + Math.floor(Math.random() * 50);
  return new Promise((resolve) => {
    record.onStep = (kind) => {
      if (round % 5 === 0 || (kind !== "telemetry" && --left === 0)) resolve();
    };
  });
}

/** Everything at once, until a random moment. */
async function runAndKill(
  hub: Hub,
  keys: ReadonlyMap<Identity, string>,
  round: number,
  record: Record,
): Promise<void> {
  const clients: MqttClient[] = [];
  const moment = randomMoment(round, record);
  for (const identity of identities) {
    const client = await connect(hub, identity, keys.get(identity) ?? "");
    clients.push(client);
    new Traffic(client, identity, round, record).begin();
  }
  const calls = identities.flatMap((identity, index) => [
    callMethods(hub, identity, `${round}.call.${index}.0`, record),
    callMethods(hub, identity, `${round}.call.${index}.1`, record),
  ]);
  const sends = [0, 1].map((writer) => sendMessages(hub, `${round}.c2d.${writer}`, record));
  await moment;
  await kill(hub);
  await Promise.all([...calls, ...sends, ...clients.map(({ closed }) => closed)]);
}

async function pending(hub: Hub): Promise<number> {
  const { text } = await call(hub, "GET", `/devices/${deviceId}`);
  return JSON.parse(text).cloudToDeviceMessageCount;
}

/** The bodies of all telemetry in the event log, by identity, in its order. */
async function logged(data: string): Promise<Map<string, string[]>> {
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const store = await openSqliteStore({
    directory: data,
    clock: { now: Date.now, after: () => () => {} },
    partitions: 4,
    durability: "disk",
    log: silent,
  });
  const found = new Map<string, string[]>();
  try {
    for (let partition = 0; partition < 4; partition++) {
      for (const { message } of await store.eventLog.read(partition, 1, 1_000_000)) {
        const { key } = message;
        const name = `/devices/${key.deviceId}${key.moduleId === undefined ? "" : `/modules/${key.moduleId}`}`;
        const bodies = found.get(name) ?? [];
        found.set(name, bodies);
        bodies.push(Buffer.from(message.body).toString());
      }
    }
  } finally {
    await store.close();
  }
  return found;
}

describe("a hub that is killed in the middle of telemetry, messages to devices and methods", () => {
  it(
    `loses nothing that it has acknowledged in ${kills} kills, and delivers nothing that was completed`,
    { timeout: 400_000 },
    async () => {
      directory = await mkdtemp(path.join(tmpdir(), "twinhub-messages-"));
      const data = path.join(directory, "data");
      const record = new Record();
      let hub = await start(data);
      const keys = await setUp(hub);
      for (let round = 1; round <= kills; round++) {
        await runAndKill(hub, keys, round, record);
        hub = await start(data);
      }

      // Whatever is left comes now.
      const client = await connect(hub, identities[0], keys.get(identities[0]) ?? "");
      new Traffic(client, identities[0], kills + 1, record).begin();
      await expect.poll(() => pending(hub), { timeout: 20_000, interval: 100 }).toBe(0);
      client.destroy();
      await client.closed;
      await kill(hub);

      expect(record.problems).toEqual([]);
      expect([...record.sent].filter((body) => !record.delivered.has(body))).toEqual([]);
      const kept = await logged(data);
      for (const [name, bodies] of record.telemetry) {
        const found = kept.get(name) ?? [];
        expect(new Set(found).size).toBe(found.length);
        const acknowledged = new Set(bodies);
        expect(found.filter((body) => acknowledged.has(body))).toEqual(bodies);
      }
      // The test has tested something.
      expect([...record.telemetry.values()].flat().length).toBeGreaterThan(300);
      expect(record.completed.size).toBeGreaterThan(50);
      expect(record.answers).toBeGreaterThan(50);
      expect(record.redelivered).toBeGreaterThan(0);
    },
  );
});
