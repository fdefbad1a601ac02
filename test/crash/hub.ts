import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import path from "node:path";
import { type HubProcess, startHubProcess } from "../../samples/hub-process.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { MqttClient } from "../support/mqtt-client.ts";

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const address = "127.0.0.1";
const partitions = 4;
/** A machine that runs a thousand kills may be busy with other things. */
const startSeconds = 120;

export interface HubIdentity {
  readonly deviceId: string;
  readonly moduleId?: string;
}

export interface HubAnswer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  readonly body: any;
}

/** A hub in a process of its own, which can be killed. */
export interface StartedHub {
  readonly process: HubProcess;
  readonly ca: string;
  readonly ports: { readonly https: number; readonly mqtts: number };
  /** With the owner's rights; text is sent as it is, other bodies as JSON. Rejects when the hub dies before it has answered. */
  call(method: string, target: string, body?: unknown): Promise<HubAnswer>;
  connect(identity: HubIdentity, key: string): Promise<MqttClient>;
  /** `/devices/d1` or `/twins/d1/modules/m1`. */
  pathOf(identity: HubIdentity, root: "devices" | "twins"): string;
  kill(): Promise<void>;
  /** All telemetry that its data directory holds, in the order of each partition; after it was killed. */
  logged(): Promise<readonly { readonly name: string; readonly body: string }[]>;
  /** What another command prints on standard error; it must end with 1. */
  refusal(...args: readonly string[]): Promise<string>;
}

/** Starts `dist`'s hub on any free ports; `more` are further options of `start`. */
export async function startedHub(data: string, more: readonly string[] = []): Promise<StartedHub> {
  const anyPort = ["--https-port", "0", "--mqtts-port", "0", "--amqps-port", "0"];
  const options = ["--data", data, "--log-level", "error", ...anyPort, ...more];
  const process = await startHubProcess(main, address, options, startSeconds);
  const { ports } = process as unknown as { ports: { https: number; mqtts: number } };
  const ca = await readFile(process.caFile, "utf8");
  const agent = new Agent({ keepAlive: true, ca });
  return {
    process,
    ca,
    ports,
    pathOf,
    refusal,
    call: (method, target, body) =>
      call({ agent, port: ports.https, key: ownerKey(process) }, method, target, body),
    connect: (identity, key) => connect({ host: address, port: ports.mqtts, ca }, identity, key),
    async kill() {
      process.program.kill("SIGKILL");
      await process.program.ended;
      agent.destroy();
    },
    logged: () => logged(data),
  };
}

function ownerKey({ connectionString }: HubProcess): string {
  return /SharedAccessKey=(.*)$/.exec(connectionString)?.[1] ?? "";
}

function pathOf(identity: HubIdentity, root: "devices" | "twins"): string {
  const module = identity.moduleId === undefined ? "" : `/modules/${identity.moduleId}`;
  return `/${root}/${identity.deviceId}${module}`;
}

const tokenSeconds = 36_000;
const expiry = (): number => Math.floor(Date.now() / 1000) + tokenSeconds;

function call(
  { agent, port, key }: { agent: Agent; port: number; key: string },
  method: string,
  target: string,
  body: unknown,
): Promise<HubAnswer> {
  const authorization = createSasToken({
    resource: address,
    key,
    expiry: expiry(),
    policy: "iothubowner",
  });
  return new Promise((resolve, reject) => {
    const sent = request({
      host: address,
      port,
      agent,
      method,
      path: `${target}?api-version=2021-04-12`,
      headers: { authorization, "content-type": "application/json" },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: text === "" ? undefined : JSON.parse(text),
        }),
      );
    });
    sent.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body));
  });
}

async function connect(
  at: { host: string; port: number; ca: string },
  identity: HubIdentity,
  key: string,
): Promise<MqttClient> {
  const ids = [identity.deviceId, identity.moduleId].filter((id) => id !== undefined).join("/");
  const resource = `${address}${pathOf(identity, "devices")}`;
  const { client } = await MqttClient.connect(at, {
    clientId: ids,
    username: `${address}/${ids}/?api-version=2021-04-12`,
    password: Buffer.from(createSasToken({ resource, key, expiry: expiry() })),
  });
  return client;
}

async function logged(data: string) {
  const store = await openSqliteStore({
    directory: data,
    clock: { now: Date.now, after: () => () => {} },
    partitions,
    durability: "disk",
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  try {
    const found: { name: string; body: string }[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      for (const { message } of await store.eventLog.read(partition, 1, 10_000_000)) {
        const name = pathOf(message.key, "devices");
        found.push({ name, body: Buffer.from(message.body).toString() });
      }
    }
    return found;
  } finally {
    await store.close();
  }
}

async function refusal(...args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.resume();
  const [code] = (await once(child, "close")) as [number | null];
  const lines = errors.trimEnd().split("\n");
  if (code !== 1 || lines.length !== 1) throw new Error(`ended with ${code} and printed ${errors}`);
  return lines[0] ?? "";
}
