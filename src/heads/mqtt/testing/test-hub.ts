import type { IConnectPacket } from "mqtt-packet";
import { expect, vi } from "vitest";
import { createHub } from "../../../app/create-hub.ts";
import { defaultSettings } from "../../../app/context.ts";
import type { HubApi } from "../../../app/hub.ts";
import type { HubStore, Log, LoggedMessage } from "../../../app/ports.ts";
import type { PolicyPrincipal } from "../../../app/principal.ts";
import { anyEtag, noPrecondition } from "../../../domain/identity/etag.ts";
import { type IdentityKey, isModuleKey, keyText } from "../../../domain/identity/key.ts";
import type { NewCloudToDevice } from "../../../domain/messages/c2d-queue.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { createMemoryStore } from "../../../stores/memory/store.ts";
import { systemRandom } from "../../../system.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import type { Peer, ProtocolHead, StreamAcceptor } from "../../head.ts";
import { createMqttHead } from "../head.ts";
import type { MqttLimits } from "../limits.ts";
import { TestClient, connectPacket } from "./client.ts";
import { ManualClock } from "./manual-clock.ts";

export const hostName = "hub.example.com";
/** Base64 of the bytes 00 to 1f: the key of the worked example (spec/mqtt §16). */
export const exampleKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
export const otherKey = Buffer.alloc(32, 7).toString("base64");
/** One hour before the tokens of the worked example end. */
export const startTime = 1_893_456_000_000 - 3_600_000;

export const owner: PolicyPrincipal = {
  kind: "policy",
  policy: "iothubowner",
  rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
};

export const device: IdentityKey = { deviceId: "dev1" };
export const moduleOne: IdentityKey = { deviceId: "dev1", moduleId: "mod1" };
/** Every device test has its module twin. */
export const both: [string, IdentityKey][] = [
  ["device", device],
  ["module", moduleOne],
];

export interface LogEntry {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A head on a real hub with a store in memory. */
export interface TestHub {
  readonly head: ProtocolHead & StreamAcceptor;
  readonly hub: HubApi;
  readonly store: HubStore;
  readonly clock: ManualClock;
  readonly logged: LogEntry[];
  /** A client whose stream the head has accepted; nothing has been sent. */
  open(peer?: Partial<Peer>): TestClient;
  /** A client that has connected; `options` change its CONNECT. */
  connect(key: IdentityKey, options?: Partial<IConnectPacket>): Promise<TestClient>;
  credentials(key: IdentityKey, options?: TokenOptions): Partial<IConnectPacket>;
  patchDesired(key: IdentityKey, desired: JsonObject): Promise<void>;
  /** A service sends a message to `dev1`. */
  sendToDevice(body: string | Buffer, changes?: Partial<NewCloudToDevice>): Promise<void>;
  messages(): Promise<readonly LoggedMessage[]>;
  /** Why connections ended, oldest first; waits for the last one to end. */
  endings(key: IdentityKey): Promise<readonly string[]>;
}

export interface TokenOptions {
  readonly key?: string;
  /** In milliseconds. */
  readonly expires?: number;
}

export interface TestHubOptions {
  readonly limits?: Partial<MqttLimits>;
  readonly faultInjection?: boolean;
  /** Puts something of the test between head and hub. */
  readonly wrap?: (hub: HubApi) => HubApi;
}

/** A hub with the device `dev1` and its modules `mod1` and `mod2`, all with the example's key. */
export async function startTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const clock = new ManualClock(startTime);
  const logged: LogEntry[] = [];
  const log = recordingLog(logged);
  const store = createMemoryStore({ clock, partitions: 1 });
  const settings = { ...defaultSettings, hostNames: [hostName] };
  const { api } = await createHub({ store, clock, random: systemRandom, log, settings });
  const head = createMqttHead({
    hub: options.wrap?.(api) ?? api,
    clock,
    log,
    limits: options.limits,
    faultInjection: options.faultInjection,
  });
  await head.start();
  await register(api, device);
  await register(api, moduleOne);
  await register(api, { deviceId: "dev1", moduleId: "mod2" });

  const open: TestHub["open"] = (peer = {}) => {
    const client = new TestClient();
    head.accept(client.serverEnd, { address: "192.0.2.1:5000", transport: "tls", ...peer });
    return client;
  };
  const credentials: TestHub["credentials"] = (key, token = {}) => ({
    clientId: keyText(key),
    username: `${hostName}/${keyText(key)}/?api-version=2021-04-12`,
    password: Buffer.from(
      createSasToken({
        resource: `${hostName}/devices/${keyText(key).replace("/", "/modules/")}`,
        key: token.key ?? exampleKey,
        expiry: Math.floor((token.expires ?? clock.now() + 86_400_000) / 1000),
      }),
    ),
  });
  return {
    head,
    hub: api,
    store,
    clock,
    logged,
    open,
    credentials,
    async connect(key, changes = {}) {
      const client = open();
      client.send(connectPacket({ ...credentials(key), ...changes }));
      const connack = await client.next();
      expect(connack).toMatchObject({ cmd: "connack", returnCode: 0 });
      return client;
    },
    async patchDesired(key, desired) {
      await api.twins.patch(owner, key, { properties: { desired } }, noPrecondition);
    },
    async sendToDevice(body, changes = {}) {
      await api.cloudToDevice.send(owner, "dev1", {
        body: Buffer.from(body),
        system: {},
        application: new Map(),
        ack: "none",
        ...changes,
      });
    },
    messages: () => store.eventLog.read(0, 1, 1000),
    async endings(key) {
      const read = async (): Promise<readonly string[]> => {
        const events = await store.events(0, 10_000);
        const about = events.flatMap(({ event }) =>
          event.type === "connectionChanged" && keyText(event.key) === keyText(key) ? [event] : [],
        );
        // The end of a connection is written behind its back.
        expect(about.at(-1)?.connected).toBe(false);
        return about.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
      };
      return vi.waitFor(read);
    },
  };
}

export async function register(hub: HubApi, key: IdentityKey): Promise<void> {
  const authentication = { symmetricKey: { primaryKey: exampleKey, secondaryKey: otherKey } };
  if (isModuleKey(key))
    await hub.identities.putModule(owner, key, { authentication }, noPrecondition);
  else await hub.identities.putDevice(owner, key.deviceId, { authentication }, noPrecondition);
}

export async function disable(hub: HubApi, deviceId: string): Promise<void> {
  const authentication = { symmetricKey: { primaryKey: exampleKey, secondaryKey: otherKey } };
  await hub.identities.putDevice(owner, deviceId, { status: "disabled", authentication }, anyEtag);
}

function recordingLog(entries: LogEntry[]): Log {
  const record = (level: string) => (fields: object, message: string) => {
    entries.push({ level, fields, message });
  };
  return {
    debug: record("debug"),
    info: record("info"),
    warn: record("warn"),
    error: record("error"),
  };
}
