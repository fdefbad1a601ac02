import { expect, vi } from "vitest";
import { createHub } from "../../../app/create-hub.ts";
import { defaultSettings } from "../../../app/context.ts";
import type { HubApi } from "../../../app/hub.ts";
import type { HubStore, Log, LoggedMessage } from "../../../app/ports.ts";
import type { PolicyPrincipal } from "../../../app/principal.ts";
import { noPrecondition } from "../../../domain/identity/etag.ts";
import { type IdentityKey, isModuleKey, keyText } from "../../../domain/identity/key.ts";
import { createMemoryStore } from "../../../stores/memory/store.ts";
import { systemRandom } from "../../../system.ts";
import { MovableClock } from "../../../testing/movable-clock.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import type { Peer, ProtocolHead, StreamAcceptor } from "../../head.ts";
import { createAmqpHead } from "../head.ts";
import type { AmqpLimits } from "../limits.ts";
import { AmqpClient } from "./client.ts";
import { SocketEnd } from "../../../../test/support/socket-pair.ts";

export const hostName = "hub.example.com";
export const deviceKey = Buffer.alloc(32, 1).toString("base64");
export const secondaryKey = Buffer.alloc(32, 2).toString("base64");

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

/** `/devices/d` or `/devices/d/modules/m`. */
export function pathOf(key: IdentityKey): string {
  return `/devices/${keyText(key).replace("/", "/modules/")}`;
}

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
  readonly clock: MovableClock;
  readonly logged: LogEntry[];
  /** Of the policy `iothubowner`. */
  readonly ownerKey: string;
  /** A stream that the head has accepted; nothing has been sent. */
  stream(peer?: Partial<Peer>): SocketEnd;
  /** A client that has opened its connection without SASL, and a session. */
  open(peer?: Partial<Peer>): Promise<AmqpClient>;
  /** The same, with the identity's token put. */
  connect(...keys: readonly IdentityKey[]): Promise<AmqpClient>;
  /** A token; `seconds` from now, an hour unless given. */
  token(key: IdentityKey, options?: { key?: string; seconds?: number }): string;
  messages(): Promise<readonly LoggedMessage[]>;
  /** Why connections ended, oldest first; waits for the last one to end. */
  endings(key: IdentityKey): Promise<readonly string[]>;
}

export interface TestHubOptions {
  readonly limits?: Partial<AmqpLimits>;
  readonly faultInjection?: boolean;
  /** Puts something of the test between head and hub. */
  readonly wrap?: (hub: HubApi) => HubApi;
}

/** A hub with the device `dev1` and its modules `mod1` and `mod2`. */
export async function startTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const clock = new MovableClock();
  const logged: LogEntry[] = [];
  const log = recordingLog(logged);
  const store = createMemoryStore({ clock, partitions: 1 });
  const settings = { ...defaultSettings, hostNames: [hostName] };
  const { api, policies } = await createHub({ store, clock, random: systemRandom, log, settings });
  const head = createAmqpHead({
    hub: options.wrap?.(api) ?? api,
    clock,
    random: systemRandom,
    log,
    limits: options.limits,
    faultInjection: options.faultInjection,
  });
  await head.start();
  for (const key of [device, moduleOne, { deviceId: "dev1", moduleId: "mod2" }])
    await register(api, key);

  const stream: TestHub["stream"] = (peer = {}) => {
    const [end, serverEnd] = SocketEnd.pair();
    end.on("error", () => undefined);
    head.accept(serverEnd, { address: "192.0.2.1:5000", transport: "tls", ...peer });
    return end;
  };
  const open: TestHub["open"] = (peer) => AmqpClient.open(stream(peer));
  const token: TestHub["token"] = (key, { key: secret = deviceKey, seconds = 3600 } = {}) =>
    createSasToken({
      resource: `${hostName}${pathOf(key)}`,
      key: secret,
      expiry: Math.floor(clock.now() / 1000) + seconds,
    });
  return {
    head,
    hub: api,
    store,
    clock,
    logged,
    ownerKey: policies.find(({ name }) => name === "iothubowner")?.primaryKey ?? "",
    stream,
    open,
    token,
    async connect(...keys) {
      const client = await open();
      for (const key of keys)
        expect(await client.putToken(token(key))).toMatchObject({ status: 200 });
      return client;
    },
    messages: () => store.eventLog.read(0, 1, 10_000),
    async endings(key) {
      const read = async (): Promise<readonly string[]> => {
        const events = await store.events(0, 100_000);
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
  const authentication = { symmetricKey: { primaryKey: deviceKey, secondaryKey } };
  if (isModuleKey(key))
    await hub.identities.putModule(owner, key, { authentication }, noPrecondition);
  else await hub.identities.putDevice(owner, key.deviceId, { authentication }, noPrecondition);
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
