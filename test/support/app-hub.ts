import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultSettings } from "../../src/app/context.ts";
import { type HubParts, createHub } from "../../src/app/create-hub.ts";
import type { HubApi, OpenConnection } from "../../src/app/hub.ts";
import type {
  CloseReason,
  DeviceLink,
  HubStore,
  Log,
  MethodInvocation,
} from "../../src/app/ports.ts";
import type { IdentityPrincipal, PolicyPrincipal } from "../../src/app/principal.ts";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { HubError } from "../../src/domain/errors.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { createMemoryStore } from "../../src/stores/memory/store.ts";
import { systemRandom } from "../../src/system.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { noon } from "./noon.ts";
import { createSasToken, parseSasToken } from "../../src/wire/sas-token.ts";

export const hostName = "hub.example.com";

export const owner: PolicyPrincipal = {
  kind: "policy",
  policy: "iothubowner",
  rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
};

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A link that remembers what the hub asked of it. */
export class RecordingLink implements DeviceLink {
  readonly protocol = "mqtt";
  readonly desired: { readonly change: JsonObject; readonly version: number }[] = [];
  readonly closed: CloseReason[] = [];
  /** Calls that the test has to answer. */
  readonly invocations: MethodInvocation[] = [];
  /** Calls that the hub has forgotten since, by their numbers in `invocations`. */
  readonly forgotten: number[] = [];
  /** How often the hub has said that messages wait. */
  waiting = 0;
  /** Set by `connect`: a real head ends its connection when it is told to close. */
  onClose: (reason: CloseReason) => void = () => {};

  pushDesired(change: JsonObject, version: number): void {
    this.desired.push({ change, version });
  }

  messagesWaiting(): void {
    this.waiting++;
  }

  invoke(invocation: MethodInvocation): () => void {
    const number = this.invocations.push(invocation) - 1;
    return () => this.forgotten.push(number);
  }

  close(reason: CloseReason): void {
    this.closed.push(reason);
    this.onClose(reason);
  }
}

export interface Connected {
  readonly principal: IdentityPrincipal;
  readonly link: RecordingLink;
  readonly open: OpenConnection;
}

export const storeKinds = ["memory", "sqlite"] as const;
export type StoreKind = (typeof storeKinds)[number];

export function openStore(kind: StoreKind, clock: MovableClock): Promise<HubStore> {
  if (kind === "memory") return Promise.resolve(createMemoryStore({ clock, partitions: 4 }));
  const directory = mkdtempSync(join(tmpdir(), "twinhub-"));
  return openSqliteStore({ directory, clock, partitions: 4, durability: "os", log: silent });
}

/** The use cases over a store, without any protocol. */
export class AppHub {
  readonly hub: HubApi;
  readonly store: HubStore;
  readonly clock: MovableClock;
  /** Ends what runs in the background; the store stays open. */
  readonly halt: () => void;

  private constructor(hub: HubApi, store: HubStore, clock: MovableClock, halt: () => void) {
    this.hub = hub;
    this.store = store;
    this.clock = clock;
    this.halt = halt;
  }

  static async start(kind: StoreKind = "memory"): Promise<AppHub> {
    const clock = new MovableClock(noon(), { stands: true });
    const store = await openStore(kind, clock);
    return AppHub.over(store, clock);
  }

  /** A hub over a store that is open, as after a restart. */
  static async over(
    store: HubStore,
    clock: MovableClock,
    more: Partial<HubParts> = {},
  ): Promise<AppHub> {
    const settings = { ...defaultSettings, hostNames: [hostName] };
    const parts = { store, clock, random: systemRandom, log: silent, settings, ...more };
    const made = await createHub(parts);
    return new AppHub(made.api, store, clock, () => made.stop());
  }

  /** Creates a device, or a device and its module; gives its symmetric keys. */
  async create(key: IdentityKey): Promise<{ primary: string; secondary: string }> {
    const { deviceId, moduleId } = key;
    if (moduleId === undefined) {
      return keysOf(
        (await this.hub.identities.putDevice(owner, deviceId, {}, noPrecondition)).body,
      );
    }
    const known = await this.hub.identities.get(owner, { deviceId }).catch(() => null);
    if (known === null) await this.create({ deviceId });
    const made = await this.hub.identities.putModule(
      owner,
      { deviceId, moduleId },
      {},
      noPrecondition,
    );
    return keysOf(made.body);
  }

  /** Proves the identity with one of its keys. */
  async prove(key: IdentityKey, secret: string): Promise<IdentityPrincipal> {
    const { deviceId, moduleId } = key;
    const resource = `${hostName}/devices/${deviceId}${moduleId === undefined ? "" : `/modules/${moduleId}`}`;
    const expiry = Math.floor(this.clock.now() / 1000) + 3600;
    const token = parseSasToken(createSasToken({ resource, key: secret, expiry }));
    return this.hub.auth.identity({ key, credential: { kind: "sas", token } });
  }

  async connect(key: IdentityKey, secret: string): Promise<Connected> {
    const principal = await this.prove(key, secret);
    const link = new RecordingLink();
    const open = await this.hub.connections.open(principal, link, { clean: false });
    link.onClose = (reason) => open.ended(reason);
    return { principal, link, open };
  }

  async stop(): Promise<void> {
    await this.store.close();
  }

  async setStatus(deviceId: string, status: "enabled" | "disabled"): Promise<void> {
    await this.hub.identities.putDevice(owner, deviceId, { status }, anyEtag);
  }
}

function keysOf(body: JsonObject): { primary: string; secondary: string } {
  const { symmetricKey } = body["authentication"] as {
    symmetricKey: { primaryKey: string; secondaryKey: string };
  };
  return { primary: symmetricKey.primaryKey, secondary: symmetricKey.secondaryKey };
}

/** The name of the hub's refusal; fails if there is none. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof HubError) return `${error.number} ${error.name}`;
    throw error;
  }
  throw new Error("The hub did not refuse");
}
