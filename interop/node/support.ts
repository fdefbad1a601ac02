/** What the interop tests share: a hub, its certificate, unmodified SDK clients for a device or a module. */
import https from "node:https";
import device from "azure-iot-device";
import type { Client, ModuleClient, Twin } from "azure-iot-device";
import deviceAmqp from "azure-iot-device-amqp";
import deviceMqtt from "azure-iot-device-mqtt";
import iothub from "azure-iothub";
import type { Registry, Twin as ServiceTwin } from "azure-iothub";

export type Json = Readonly<Record<string, unknown>>;
export type DeviceSideClient = Client | ModuleClient;

export const transports = {
  mqtt: deviceMqtt.Mqtt,
  "mqtt-ws": deviceMqtt.MqttWs,
  amqp: deviceAmqp.Amqp,
  "amqp-ws": deviceAmqp.AmqpWs,
} as const;
export type Protocol = keyof typeof transports;
export const protocols = Object.keys(transports) as readonly Protocol[];

/** What a hub must tell its clients; `TestHub` and a hub in a process of its own both do. */
export interface HubAddress {
  readonly hostName: string;
  /** With the policy iothubowner. */
  readonly connectionString: string;
  readonly caPem: string;
}

const trusted = new Set<string>();

/**
 * Makes the service SDK of this process trust the hub. The SDK makes agents of its own without an option for it; outside
 * of a test one sets NODE_EXTRA_CA_CERTS, which Node reads only when a process starts, before there is a hub.
 * Device clients are given the certificate by their own option, in `clientOf`.
 */
export function trust(hub: HubAddress): void {
  trusted.add(hub.caPem);
}

type Connect = (this: https.Agent, options: https.RequestOptions, ...rest: unknown[]) => unknown;
const agents = https.Agent.prototype as unknown as { createConnection: Connect };
const connect = agents.createConnection;
agents.createConnection = function connectTrusting(options, ...rest) {
  return connect.call(this, { ca: [...trusted], ...options }, ...rest);
};

export function registryOf(hub: HubAddress): Registry {
  return iothub.Registry.fromConnectionString(hub.connectionString);
}

export type Kind = "device" | "module";
export const kinds: readonly Kind[] = ["device", "module"];

/** A registered device or module, with the calls that differ between the two hidden. */
export interface Subject {
  readonly kind: Kind;
  readonly deviceId: string;
  readonly moduleId: string | undefined;
  readonly primaryKey: string;
  readonly secondaryKey: string;
  /** The token audience and, after `/twins`, the path: `/devices/d` or `/devices/d/modules/m`. */
  readonly path: string;
  /** With the primary key, or another one. */
  connectionString(key?: string): string;
  twin(): Promise<ServiceTwin>;
  /** Patches the twin; `etag` is "*" unless given. */
  patch(body: object, etag?: string): Promise<ServiceTwin>;
  desired(desired: object | null): Promise<ServiceTwin>;
  /** Deletes the device or the module. */
  remove(): Promise<void>;
}

let count = 0;

/** Registers a new device, or a new module of a new device. */
export async function register(hub: HubAddress, kind: Kind): Promise<Subject> {
  const registry = registryOf(hub);
  const deviceId = `d${++count}`;
  const moduleId = kind === "module" ? "m1" : undefined;
  await registry.create({ deviceId });
  if (moduleId !== undefined) await registry.addModule({ deviceId, moduleId });
  return subjectOf(hub, deviceId, moduleId);
}

/** A device or module that has been registered already. */
export async function subjectOf(
  hub: HubAddress,
  deviceId: string,
  moduleId: string | undefined,
): Promise<Subject> {
  const registry = registryOf(hub);
  const { responseBody: identity } =
    moduleId === undefined
      ? await registry.get(deviceId)
      : await registry.getModule(deviceId, moduleId);
  const { primaryKey, secondaryKey } = identity.authentication?.symmetricKey ?? {};
  if (primaryKey === undefined || secondaryKey === undefined) throw new Error("no symmetric keys");

  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  const patch = async (body: object, etag = "*"): Promise<ServiceTwin> => {
    const { responseBody } =
      moduleId === undefined
        ? await registry.updateTwin(deviceId, body, etag)
        : await registry.updateModuleTwin(deviceId, moduleId, body, etag);
    return responseBody;
  };
  return {
    kind: moduleId === undefined ? "device" : "module",
    deviceId,
    moduleId,
    primaryKey,
    secondaryKey,
    path:
      moduleId === undefined ? `/devices/${deviceId}` : `/devices/${deviceId}/modules/${moduleId}`,
    connectionString: (key = primaryKey) =>
      `HostName=${hub.hostName};DeviceId=${deviceId}${module};SharedAccessKey=${key}`,
    twin: async () =>
      (moduleId === undefined
        ? await registry.getTwin(deviceId)
        : await registry.getModuleTwin(deviceId, moduleId)
      ).responseBody,
    patch,
    desired: (desired) => patch({ properties: { desired } }),
    remove: async () => {
      await (moduleId === undefined
        ? registry.delete(deviceId)
        : registry.removeModule(deviceId, moduleId));
    },
  };
}

const opened = new Set<DeviceSideClient>();

/** Tries each operation once, so that a refusal is seen and not repeated. */
export const noRetry = { shouldRetry: () => false, nextRetryTimeout: () => 0 };

export interface ClientOptions {
  readonly protocol?: Protocol;
  /** Instead of the subject's own. */
  readonly connectionString?: string;
  /** Keep trying, as the SDK does by itself. */
  readonly retry?: boolean;
}

/** An SDK client for the subject that trusts the hub, not yet open. `closeClients` ends it. */
export async function clientOf(
  hub: HubAddress,
  subject: Subject,
  options: ClientOptions = {},
): Promise<DeviceSideClient> {
  const transport = transports[options.protocol ?? "mqtt"];
  const text = options.connectionString ?? subject.connectionString();
  const client =
    subject.kind === "device"
      ? device.Client.fromConnectionString(text, transport)
      : device.ModuleClient.fromConnectionString(text, transport);
  return prepared(hub, client, options);
}

/** The same with a token that was made elsewhere. */
export async function clientWithToken(
  hub: HubAddress,
  subject: Subject,
  token: string,
  protocol: Protocol = "mqtt",
): Promise<DeviceSideClient> {
  const client =
    subject.kind === "device"
      ? device.Client.fromSharedAccessSignature(token, transports[protocol])
      : device.ModuleClient.fromSharedAccessSignature(token, transports[protocol]);
  return prepared(hub, client, {});
}

async function prepared(
  hub: HubAddress,
  client: DeviceSideClient,
  options: ClientOptions,
): Promise<DeviceSideClient> {
  if (options.retry !== true) client.setRetryPolicy(noRetry);
  await client.setOptions({ ca: hub.caPem });
  opened.add(client);
  return client;
}

export async function openClient(
  hub: HubAddress,
  subject: Subject,
  options: ClientOptions = {},
): Promise<DeviceSideClient> {
  const client = await clientOf(hub, subject, options);
  await client.open();
  return client;
}

/** For `afterEach`: closes every client of the test. */
export async function closeClients(): Promise<void> {
  const clients = [...opened];
  opened.clear();
  await Promise.all(clients.map(async (client) => client.close()));
}

/** Stores the properties; rejects with what the SDK reports. */
export async function report(twin: Twin, properties: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    twin.properties.reported["update"](properties, (error?: Error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Values in the order of their arrival, each to be taken once. */
export interface Arrivals<T> {
  /** All that have come. */
  readonly all: readonly T[];
  /** The next one that has not been taken, now or when it comes. */
  next(): Promise<T>;
}

export class Inbox<T> implements Arrivals<T> {
  readonly #all: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];
  #taken = 0;

  get all(): readonly T[] {
    return this.#all;
  }

  add(value: T): void {
    this.#all.push(value);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#taken++;
    waiting(value);
  }

  async next(): Promise<T> {
    if (this.#taken < this.#all.length) return this.#all[this.#taken++] as T;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/**
 * The client's twin, and the desired changes that arrive after this call; each has `$version`. On return the hub has
 * granted the subscription: it answers a connection's requests in order, and the second GET was answered.
 */
export async function watch(
  client: DeviceSideClient,
  path = "properties.desired",
): Promise<{ twin: Twin; changes: Arrivals<Json> }> {
  const twin = await client.getTwin();
  const changes = new Inbox<Json>();
  let started = false;
  twin.on(path, (change: Json) => {
    // A copy: the SDK goes on to work with its own.
    if (started) changes.add(structuredClone(change));
  });
  await twin.get();
  started = true;
  return { twin, changes };
}

/** Resolves with the first `event` that the client emits from now on. */
export async function once(
  client: DeviceSideClient,
  event: "connect" | "disconnect",
): Promise<unknown> {
  return new Promise((resolve) => client.once(event, resolve));
}

/** A section without `$metadata` and `$version`. */
export function plain(section: Json): Json {
  return Object.fromEntries(Object.entries(section).filter(([key]) => !key.startsWith("$")));
}

/** What `TestHub.call` answers when the hub refuses with `name`. */
export function refusal(status: number, name: string): object {
  return { status, headers: { "iothub-errorcode": name } };
}

/** A time in seconds since 1970, as tokens have it. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
