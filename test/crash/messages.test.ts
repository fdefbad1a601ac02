import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Packet } from "mqtt-packet";
import { afterAll, describe, expect, it } from "vitest";
import type { MqttClient } from "../support/mqtt-client.ts";
import { type HubAnswer, type StartedHub, startedHub } from "./hub.ts";
import { Kills } from "./kills.ts";

const kills = new Kills(20);
const deviceId = "d1";
const identities = [{ deviceId }, { deviceId, moduleId: "m1" }] as const;
type Identity = (typeof identities)[number];

let running: StartedHub | undefined;
let directory: string | undefined;
afterAll(async () => {
  await running?.kill();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function start(data: string): Promise<StartedHub> {
  running = await startedHub(data);
  return running;
}

function pathOf(identity: Identity, root: "devices" | "twins"): string {
  const module = "moduleId" in identity ? `/modules/${identity.moduleId}` : "";
  return `/${root}/${identity.deviceId}${module}`;
}

/** A section of a twin: the number that was written, and the version that it got. */
interface Written {
  readonly n: number;
  readonly version: number;
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
  /** What was acknowledged last, by section and identity: `reported /twins/d1`. */
  readonly sections = new Map<string, Written>();
  answers = 0;
  patches = 0;
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

  wasPatched(section: string, written: Written): void {
    this.patches++;
    this.sections.set(section, written);
  }

  wasCalled(id: string): void {
    if (this.called.has(id)) this.problems.push(`${id} was called twice`);
    this.called.add(id);
  }
}

const filters = [
  "devices/d1/messages/devicebound/#",
  "$iothub/methods/POST/#",
  "$iothub/twin/res/#",
  "$iothub/twin/PATCH/properties/desired/#",
];
const patchTopic = "$iothub/twin/PATCH/properties/reported/?$rid=";

/**
 * One identity's client: sends telemetry and reports a property all the time, completes messages, answers methods, watches
 * the order of desired changes.
 */
class Traffic {
  readonly #client: MqttClient;
  readonly #record: Record;
  readonly #topic: string;
  readonly #name: string;
  readonly #prefix: string;
  readonly #section: string;
  readonly #unacknowledged = new Map<number, { body: string; completes: readonly string[] }>();
  #completing: string[] = [];
  #packetId = 0;
  #reported: number;
  #desiredVersion: number | undefined;

  constructor(client: MqttClient, identity: Identity, round: number, record: Record) {
    this.#client = client;
    this.#record = record;
    this.#topic = `${pathOf(identity, "devices").slice(1)}/messages/events`;
    this.#name = pathOf(identity, "devices");
    this.#section = `reported ${pathOf(identity, "twins")}`;
    // Behind whatever a former life has sent without an answer.
    this.#reported = round * 1_000_000;
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
    this.#reportNext();
  }

  #reportNext(): void {
    const n = ++this.#reported;
    this.#client.publish(`${patchTopic}${n}`, JSON.stringify({ n }), 0);
  }

  #wasReported(topic: string): void {
    const { status, rid, version } =
      /^\$iothub\/twin\/res\/(?<status>\d+)\/\?\$rid=(?<rid>\d+)&\$version=(?<version>\d+)$/.exec(
        topic,
      )?.groups ?? {};
    if (status !== "204") this.#record.problems.push(`${topic} is no answer to a patch`);
    this.#record.wasPatched(this.#section, { n: Number(rid), version: Number(version) });
    this.#reportNext();
  }

  #desiredChanged(topic: string): void {
    const version = Number(/\$version=(\d+)$/.exec(topic)?.[1]);
    if (this.#desiredVersion !== undefined && version !== this.#desiredVersion + 1)
      this.#record.problems.push(`desired ${version} came after ${this.#desiredVersion}`);
    this.#desiredVersion = version;
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
    if (packet.topic.startsWith("$iothub/twin/res/")) return this.#wasReported(packet.topic);
    if (packet.topic.startsWith("$iothub/twin/PATCH/")) return this.#desiredChanged(packet.topic);
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

/** An answer, or nothing when the hub dies before it has given one. */
function answer(
  hub: StartedHub,
  method: string,
  target: string,
  body?: unknown,
): Promise<HubAnswer | undefined> {
  return hub.call(method, target, body).catch(() => undefined);
}

/** Changes a desired property until the hub dies. */
async function changeDesired(
  hub: StartedHub,
  identity: Identity,
  round: number,
  record: Record,
): Promise<void> {
  const target = pathOf(identity, "twins");
  for (let n = round * 1_000_000; ; n++) {
    const outcome = await answer(hub, "PATCH", target, { properties: { desired: { n } } });
    if (outcome === undefined) return;
    expect(outcome.status).toBe(200);
    const version = outcome.body.properties.desired.$version;
    record.wasPatched(`desired ${target}`, { n, version });
  }
}

/** Whatever was acknowledged is there, or something newer; a version never stands for two values. */
async function checkTwins(hub: StartedHub, record: Record): Promise<void> {
  for (const identity of identities) {
    const target = pathOf(identity, "twins");
    const { body } = await hub.call("GET", target);
    for (const section of ["reported", "desired"] as const) {
      const written = record.sections.get(`${section} ${target}`);
      if (written === undefined) continue;
      const { n, $version: version } = body.properties[section];
      const isKept =
        version === written.version ? n === written.n : version > written.version && n > written.n;
      if (!isKept)
        record.problems.push(
          `${section} of ${target} is ${n} with version ${version}, acknowledged was ${written.n} with ${written.version}`,
        );
    }
  }
}

/** Sends messages to the device until the hub dies. */
async function sendMessages(hub: StartedHub, prefix: string, record: Record): Promise<void> {
  for (let n = 0; ; n++) {
    const body = `${prefix}.${n}`;
    record.maybeSent.add(body);
    const target = `/devices/${deviceId}/messages/deviceBound`;
    const outcome = await answer(hub, "POST", target, body);
    if (outcome === undefined) return;
    record.maybeSent.delete(body);
    if (outcome.status === 204) record.sent.add(body);
    else expect(outcome.body.Message).toContain("DeviceMaximumQueueDepthExceeded");
  }
}

/** Calls methods until the hub dies; who is answered, is answered with what the client has said. */
async function callMethods(
  hub: StartedHub,
  identity: Identity,
  prefix: string,
  record: Record,
): Promise<void> {
  for (let n = 0; ; n++) {
    const payload = `${prefix}.${n}`;
    const body = { methodName: "echo", payload, connectTimeoutInSeconds: 10 };
    const target = `${pathOf(identity, "twins")}/methods`;
    const outcome = await answer(hub, "POST", target, body);
    if (outcome === undefined) return;
    const text = JSON.stringify(outcome.body);
    if (text !== JSON.stringify({ status: 200, payload }))
      record.problems.push(`${payload} was answered with ${outcome.status} ${text}`);
    record.answers++;
    record.onStep("answer");
  }
}

async function setUp(hub: StartedHub): Promise<ReadonlyMap<Identity, string>> {
  const keys = new Map<Identity, string>();
  for (const identity of identities) {
    const made = await hub.call("PUT", pathOf(identity, "devices"), identity);
    expect(made.status).toBeLessThan(300);
    keys.set(identity, made.body.authentication.symmetricKey.primaryKey);
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
  hub: StartedHub,
  keys: ReadonlyMap<Identity, string>,
  round: number,
  record: Record,
): Promise<void> {
  const clients: MqttClient[] = [];
  const moment = randomMoment(round, record);
  for (const identity of identities) {
    const client = await hub.connect(identity, keys.get(identity) ?? "");
    clients.push(client);
    new Traffic(client, identity, round, record).begin();
  }
  const calls = identities.flatMap((identity, index) => [
    callMethods(hub, identity, `${round}.call.${index}.0`, record),
    callMethods(hub, identity, `${round}.call.${index}.1`, record),
  ]);
  const sends = [0, 1].map((writer) => sendMessages(hub, `${round}.c2d.${writer}`, record));
  const changes = identities.map((identity) => changeDesired(hub, identity, round, record));
  await moment;
  await hub.kill();
  await Promise.all([...calls, ...sends, ...changes, ...clients.map(({ closed }) => closed)]);
}

async function pending(hub: StartedHub): Promise<number> {
  const { body } = await hub.call("GET", `/devices/${deviceId}`);
  return body.cloudToDeviceMessageCount;
}

/** The bodies of all telemetry in the event log, by identity, in its order. */
async function logged(hub: StartedHub): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const { name, body } of await hub.logged()) {
    const bodies = found.get(name) ?? [];
    found.set(name, bodies);
    bodies.push(body);
  }
  return found;
}

describe("a hub that is killed in the middle of telemetry, patches, desired changes, messages to devices and methods", () => {
  it(
    `loses nothing that it has acknowledged in ${kills.asked} kills, and delivers nothing that was completed`,
    { timeout: kills.timeout },
    async () => {
      directory = await mkdtemp(path.join(tmpdir(), "twinhub-messages-"));
      const data = path.join(directory, "data");
      const record = new Record();
      let hub = await start(data);
      const keys = await setUp(hub);
      for (const round of kills.rounds("hub")) {
        await runAndKill(hub, keys, round, record);
        hub = await start(data);
        await checkTwins(hub, record);
        // Nothing is hidden by what comes later, and a long run ends where it failed.
        expect(record.problems).toEqual([]);
      }

      // Whatever is left comes now.
      const client = await hub.connect(identities[0], keys.get(identities[0]) ?? "");
      new Traffic(client, identities[0], kills.done + 1, record).begin();
      await expect.poll(() => pending(hub), { interval: 100 }).toBe(0);
      client.destroy();
      await client.closed;
      await hub.kill();

      expect(record.problems).toEqual([]);
      expect([...record.sent].filter((body) => !record.delivered.has(body))).toEqual([]);
      const kept = await logged(hub);
      for (const [name, bodies] of record.telemetry) {
        const found = kept.get(name) ?? [];
        expect(new Set(found).size).toBe(found.length);
        const acknowledged = new Set(bodies);
        expect(found.filter((body) => acknowledged.has(body))).toEqual(bodies);
      }
      const telemetry = [...record.telemetry.values()].flat().length;
      kills.report({
        scenario: "hub",
        telemetry,
        patches: record.patches,
        "messages to devices": record.sent.size,
        completed: record.completed.size,
        methods: record.answers,
        lost: 0,
      });
      // The test has tested something.
      expect(telemetry).toBeGreaterThan(300);
      expect(record.completed.size).toBeGreaterThan(50);
      expect(record.answers).toBeGreaterThan(50);
      expect(record.patches).toBeGreaterThan(200);
      expect(record.redelivered).toBeGreaterThan(0);
    },
  );
});
