import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, type TestIdentity, startHub } from "../src/testing/index.ts";
import { createSasToken } from "../src/wire/sas-token.ts";
import { patience } from "./support/patience.ts";

/** A codec that nobody here has written: Mosquitto's, in C. */
type Tool = "mosquitto_pub" | "mosquitto_sub" | "mosquitto_rr";

let hub: TestHub;
let directory: string;
/** Options of every run. */
let addressing: readonly string[];
let count = 0;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  hub = await startHub();
  directory = await mkdtemp(path.join(tmpdir(), "twinhub-mosquitto-"));
  const caFile = path.join(directory, "ca.pem");
  await writeFile(caFile, hub.caPem);
  const port = `${hub.ports.mqtts}`;
  addressing = ["-h", "127.0.0.1", "-p", port, "-V", "mqttv311", "--cafile", caFile];
});
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});
afterAll(async () => {
  await hub.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Run {
  /** Its exit code and everything that it printed; fails after ten seconds. */
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly string[] }>;
  kill(): void;
}

function start(tool: Tool, identity: TestIdentity, args: readonly string[], key?: string): Run {
  const { deviceId, moduleId, primaryKey } = identity;
  const ids = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  const token = createSasToken({
    resource: `${hub.hostName}/devices/${ids.replace("/", "/modules/")}`,
    key: key ?? primaryKey,
    expiry: Math.floor(hub.clock.now() / 1000) + 3600,
  });
  const child = spawn(tool, [
    ...addressing,
    "-i",
    ids,
    "-u",
    `${hub.hostName}/${ids}/?api-version=2021-04-12`,
    "-P",
    token,
    ...args,
  ]);
  running.add(child);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on("line", (line) => lines.push(line));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? new Error("apt-get install mosquitto-clients") : error);
    });
    child.on("close", resolve);
  });
  const ended = within(patience, `${tool} to end`, closed).then((code) => {
    running.delete(child);
    return { code, lines };
  });
  // A run that is killed on purpose is not looked at again.
  ended.catch(() => {});
  return { ended, kill: () => child.kill("SIGKILL") };
}

function within<T>(milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited for ${what}`)), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function done(run: Run): Promise<readonly string[]> {
  const { code, lines } = await run.ended;
  expect([code, lines]).toEqual([0, lines]);
  return lines;
}

type Kind = "device" | "module";

async function create(kind: Kind): Promise<TestIdentity> {
  const device = await hub.createDevice(`d${++count}`);
  return kind === "device" ? device : hub.createModule(device.deviceId, "m1");
}

function topicOf({ deviceId, moduleId }: TestIdentity): string {
  const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
  return `devices/${deviceId}${module}/messages/events`;
}

function twinPath({ deviceId, moduleId }: TestIdentity): string {
  return moduleId === undefined ? `/twins/${deviceId}` : `/twins/${deviceId}/modules/${moduleId}`;
}

/** Why the identity's connections have ended, newest first. */
async function endings({ deviceId, moduleId }: TestIdentity): Promise<readonly string[]> {
  const { body } = await hub.call("GET", "/$hub/connections/ended");
  return body
    .filter((end: TestIdentity) => end.deviceId === deviceId && end.moduleId === moduleId)
    .map(({ reason }: { reason: string }) => reason);
}

async function connected({ deviceId, moduleId }: TestIdentity): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const { body } = await hub.call("GET", "/$hub/connections");
    return body.some((at: TestIdentity) => at.deviceId === deviceId && at.moduleId === moduleId);
  };
  await expect.poll(isThere).toBe(true);
}

async function telemetryCount(): Promise<number> {
  const { body } = await hub.call("GET", "/$hub/events/partitions");
  return body.reduce(
    (sum: number, { lastSequenceNumber }: { lastSequenceNumber: number }) =>
      sum + lastSequenceNumber,
    0,
  );
}

async function send(deviceId: string, body: string, headers: Record<string, string> = {}) {
  const sent = await hub.call("POST", `/devices/${deviceId}/messages/deviceBound`, body, headers);
  expect(sent.status).toBe(204);
}

async function pending(deviceId: string): Promise<number> {
  return (await hub.call("GET", `/devices/${deviceId}`)).body.cloudToDeviceMessageCount;
}

interface Telemetry {
  readonly body: unknown;
  readonly moduleId?: string;
  readonly systemProperties: Readonly<Record<string, unknown>>;
  readonly applicationProperties: Readonly<Record<string, unknown>>;
}

/** The first messages of a device in the event log, as the hub's live view shows them. */
async function telemetry(deviceId: string, wanted: number): Promise<readonly Telemetry[]> {
  const expiry = Math.floor(hub.clock.now() / 1000) + 3600;
  const key = /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? "";
  const authorization = createSasToken({
    resource: hub.hostName,
    key,
    expiry,
    policy: "iothubowner",
  });
  const reading = new Promise<Telemetry[]>((resolve, reject) => {
    const url = `/$hub/events?from=earliest&deviceId=${deviceId}&api-version=2021-04-12`;
    const options = { host: "127.0.0.1", port: hub.ports.https, path: url, ca: hub.caPem };
    const request = get({ ...options, headers: { authorization }, agent: false }, (response) => {
      let text = "";
      response.on("error", () => {});
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const found = text
          .split("\n\n")
          .slice(0, -1)
          .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? []);
        if (found.length < wanted) return;
        request.destroy();
        resolve(found.map((line) => JSON.parse(line) as Telemetry));
      });
    });
    request.on("error", reject);
  });
  return within(patience, `${wanted} messages`, reading);
}

describe.each<Kind>(["device", "module"])("Mosquitto's client as a %s", (kind) => {
  it.each([0, 1])(
    "sends telemetry with QoS %i, its properties and its largest size",
    async (qos) => {
      const identity = await create(kind);
      const topic = `${topicOf(identity)}/%24.mid=m%2F1&%24.ct=application%2Fjson&%24.ce=utf-8&level=high%20%26%20dry`;
      await done(start("mosquitto_pub", identity, ["-q", `${qos}`, "-t", topic, "-m", '{"t":21}']));
      const file = path.join(directory, "large");
      await writeFile(file, Buffer.alloc(262_144, 65));
      const own = topicOf(identity);
      await done(start("mosquitto_pub", identity, ["-q", `${qos}`, "-t", own, "-f", file]));
      const [first, second] = await telemetry(identity.deviceId, 2);
      expect(JSON.stringify(first)).toContain("high & dry");
      expect(JSON.stringify(first)).toContain("m/1");
      expect(JSON.stringify(first)).toContain('{"t":21}');
      expect(JSON.stringify(second)).toContain("A".repeat(1000));
      expect(JSON.stringify(first).includes('"m1"')).toBe(kind === "module");
    },
  );

  it("reads its twin, reports, and hears of a desired change", async () => {
    const identity = await create(kind);
    const ask = async (topic: string, message: string, answer: string): Promise<string> => {
      const args = ["-q", "1", "-F", "%q %t %p", "-e", answer, "-t", topic, "-m", message];
      return (await done(start("mosquitto_rr", identity, args))).join("\n");
    };
    const got = "$iothub/twin/res/200/?$rid=1";
    expect(await ask("$iothub/twin/GET/?$rid=1", " ", got)).toBe(
      `0 ${got} {"desired":{"$version":1},"reported":{"$version":1}}`,
    );
    const patch = "$iothub/twin/PATCH/properties/reported/?$rid=2";
    const stored = "$iothub/twin/res/204/?$rid=2&$version=2";
    expect(await ask(patch, '{"x":1}', stored)).toBe(`0 ${stored} `);
    const refused = "$iothub/twin/res/400/?$rid=2";
    expect(await ask(patch, '{"x":', refused)).toContain(`0 ${refused} {"errorCode":400004,`);

    // The session keeps the subscription, which counts as soon as the client is connected again.
    const stays = ["-c", "-q", "1", "-t", "$iothub/twin/PATCH/properties/desired/#"];
    await done(start("mosquitto_sub", identity, [...stays, "-E"]));
    const run = start("mosquitto_sub", identity, [...stays, "-C", "1", "-F", "%q %r %t %p"]);
    await connected(identity);
    await hub.call("PATCH", twinPath(identity), { properties: { desired: { t: "10m" } } });
    expect(await done(run)).toEqual([
      '0 0 $iothub/twin/PATCH/properties/desired/?$version=2 {"t":"10m","$version":2}',
    ]);
  });

  it("is sent direct methods, whose callers hear of its end", async () => {
    const identity = await create(kind);
    const called = hub.call("POST", `${twinPath(identity)}/methods`, {
      methodName: "reboot",
      payload: { delay: 5 },
      connectTimeoutInSeconds: 10,
    });
    const filter = "$iothub/methods/POST/#";
    const run = start("mosquitto_sub", identity, ["-F", "%q %t %p", "-C", "1", "-t", filter]);
    expect(await done(run)).toEqual(['0 $iothub/methods/POST/reboot/?$rid=1 {"delay":5}']);
    const { status, headers } = await called;
    expect([status, headers["iothub-errorcode"]]).toEqual([404, "DeviceConnectionClosedRemotely"]);
  });

  it("has its will published when it dies, and not when it leaves", async () => {
    const identity = await create(kind);
    const will = ["--will-topic", `${topicOf(identity)}/a=1`, "--will-payload", "gone"];
    const leaving = start("mosquitto_sub", identity, [...will, "-E", "-t", "#"]);
    await done(leaving);
    const dying = start("mosquitto_sub", identity, [...will, "--will-qos", "1", "-t", "#"]);
    await connected(identity);
    dying.kill();
    const [only] = await telemetry(identity.deviceId, 1);
    expect(JSON.stringify(only)).toContain('"iothub-MessageType":"Will"');
    await done(start("mosquitto_pub", identity, ["-q", "1", "-t", topicOf(identity), "-m", "end"]));
    const found = await telemetry(identity.deviceId, 2);
    expect(JSON.stringify(found[1])).toContain('"end"');
  });

  it("is refused with a wrong key, and cut off for a foreign topic and for QoS 2", async () => {
    const identity = await create(kind);
    const wrong = Buffer.alloc(32).toString("base64");
    const refused = start("mosquitto_sub", identity, ["-t", "#"], wrong);
    expect((await refused.ended).lines.join(" ")).toContain("not authorised");
    const before = await telemetryCount();
    const foreign = ["-q", "1", "-t", "devices/other/messages/events", "-m", "x"];
    for (const args of [foreign, ["-q", "2", "-t", topicOf(identity), "-m", "x"]]) {
      const cut = start("mosquitto_pub", identity, args);
      await expect
        .poll(async () => (await endings(identity)).length)
        .toBeGreaterThanOrEqual(args === foreign ? 1 : 2);
      expect(new Set(await endings(identity))).toEqual(new Set(["protocolError"]));
      cut.kill();
    }
    expect(await telemetryCount()).toBe(before);
  });
});

describe("messages to Mosquitto's client as a device", () => {
  it.each([0, 1, 2])("come in order and are completed: subscribed with QoS %i", async (qos) => {
    const { deviceId, ...identity } = await create("device");
    await send(deviceId, "first", {
      "iothub-messageid": "m1",
      "iothub-ack": "full",
      "iothub-app-key1": "v 1",
    });
    for (const body of ["2", "3"]) await send(deviceId, body);
    const filter = `devices/${deviceId}/messages/devicebound/#`;
    const run = start("mosquitto_sub", { deviceId, ...identity }, [
      "-q",
      `${qos}`,
      "-F",
      "%q %r %t %p",
      "-C",
      "3",
      "-t",
      filter,
    ]);
    const granted = Math.min(qos, 1);
    const to = `%24.to=%2Fdevices%2F${deviceId}%2Fmessages%2FdeviceBound`;
    const prefix = `devices/${deviceId}/messages/devicebound/`;
    expect(await done(run)).toEqual([
      `${granted} 0 ${prefix}%24.mid=m1&${to}&iothub-ack=full&key1=v%201 "first"`,
      `${granted} 0 ${prefix}${to} "2"`,
      `${granted} 0 ${prefix}${to} "3"`,
    ]);
    await expect.poll(() => pending(deviceId)).toBe(0);
  });

  it("wait for its stored session, which needs no new subscription", async () => {
    const identity = await create("device");
    const { deviceId } = identity;
    const filter = `devices/${deviceId}/messages/devicebound/#`;
    await done(start("mosquitto_sub", identity, ["-c", "-q", "1", "-E", "-t", filter]));
    for (const body of ["1", "2"]) await send(deviceId, body);
    // Another filter: what is stored counts, after two seconds.
    const run = start("mosquitto_sub", identity, ["-c", "-q", "1", "-C", "2", "-t", "$iothub/x"]);
    expect(await done(run)).toEqual(['"1"', '"2"']);
  });
});
