import { randomInt } from "node:crypto";
import { request } from "node:https";
import type { Log } from "../app/ports.ts";
import type { HubConfig } from "../config/schema.ts";
import { createLog } from "../observe/log.ts";
import { type RunningHub, startServer } from "../server.ts";
import { formatConnectionString } from "../wire/connection-string.ts";
import { createSasToken } from "../wire/sas-token.ts";
import { MovableClock } from "./movable-clock.ts";

export interface TestHubOptions extends Partial<
  Omit<HubConfig, "httpsPort" | "mqttsPort" | "amqpsPort">
> {
  /**
   * `ephemeral` (default): any free ports. `standard`: 443 and 8883, which most SDKs fix, on a loopback
   * address of this hub's own, so that many hubs run side by side.
   */
  readonly ports?: "ephemeral" | "standard";
  /** To go on with the time of another hub, for example of the one that was stopped; missing: a clock of its own. */
  readonly clock?: MovableClock;
  /** Hears what the hub has to say; missing: standard error does, on `logLevel`. */
  readonly log?: Log;
}

export interface TestIdentity {
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly primaryKey: string;
  readonly secondaryKey: string;
  readonly connectionString: string;
}

/** A hub in this process, for a test. */
export interface TestHub extends RunningHub {
  /** Of the policy `iothubowner`. */
  readonly connectionString: string;
  readonly clock: MovableClock;
  createDevice(deviceId: string, body?: object): Promise<TestIdentity>;
  createModule(deviceId: string, moduleId: string, body?: object): Promise<TestIdentity>;
  /** A call of the REST API with the owner's rights: status, headers and parsed body. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<TestAnswer>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  readonly body: any;
}

/** Starts a hub with its state in memory and no files, unless `dataDir` says otherwise. */
export async function startHub(options: TestHubOptions = {}): Promise<TestHub> {
  const { ports = "ephemeral", clock = new MovableClock(), log, ...config } = options;
  const standard = ports === "standard";
  const listen = options.listen ?? (standard ? ownLoopbackAddress() : "127.0.0.1");
  const running = await startServer(
    {
      dataDir: null,
      hostNames: [],
      listen,
      httpsPort: standard ? 443 : 0,
      mqttsPort: standard ? 8883 : 0,
      amqpsPort: standard ? 5671 : 0,
      partitions: 4,
      deviceCaFiles: [],
      logLevel: "silent",
      durability: "os",
      sasGraceSeconds: 600,
      faultInjection: true,
      ...config,
    },
    { clock, log: log ?? createLog(options.logLevel ?? "silent") },
  );
  return withHelpers(running, clock, listen);
}

function ownLoopbackAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(2, 255)}`;
}

function withHelpers(running: RunningHub, clock: MovableClock, address: string): TestHub {
  const { hostName, ports, caPem, connectionStrings } = running;
  const connectionString = connectionStrings["iothubowner"] ?? "";
  const ownerKey = /SharedAccessKey=(.*)$/.exec(connectionString)?.[1] ?? "";

  const call: TestHub["call"] = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const token = createSasToken({
        resource: hostName,
        key: ownerKey,
        expiry: Math.floor(clock.now() / 1000) + 3600,
        policy: "iothubowner",
      });
      const sent = request(
        {
          host: address,
          port: ports.https,
          path: `${path}${path.includes("?") ? "&" : "?"}api-version=2021-04-12`,
          method,
          ca: caPem,
          agent: false,
          headers: {
            authorization: token,
            "content-type": "application/json; charset=utf-8",
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString();
            const parsed: unknown = text === "" ? undefined : JSON.parse(text);
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed });
          });
          response.on("error", reject);
        },
      );
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const create = async (
    deviceId: string,
    moduleId: string | undefined,
    body: object,
  ): Promise<TestIdentity> => {
    const path = `/devices/${encodeURIComponent(deviceId)}`;
    const answer =
      moduleId === undefined
        ? await call("PUT", path, { deviceId, ...body })
        : await call("PUT", `${path}/modules/${encodeURIComponent(moduleId)}`, {
            deviceId,
            moduleId,
            ...body,
          });
    if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    const { primaryKey, secondaryKey } = answer.body.authentication.symmetricKey;
    const ids = moduleId === undefined ? { deviceId } : { deviceId, moduleId };
    return {
      ...ids,
      primaryKey,
      secondaryKey,
      connectionString:
        primaryKey === null
          ? ""
          : formatConnectionString({
              hostName,
              ...ids,
              sharedAccessKey: primaryKey,
            }),
    };
  };

  return {
    ...running,
    connectionString,
    clock,
    call,
    createDevice: (deviceId, body = {}) => create(deviceId, undefined, body),
    createModule: (deviceId, moduleId, body = {}) => create(deviceId, moduleId, body),
  };
}
