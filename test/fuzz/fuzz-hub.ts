import type { HubStore, Log } from "../../src/app/ports.ts";
import type { PolicyPrincipal } from "../../src/app/principal.ts";
import { FailedLogins } from "../../src/app/strangers/failed-logins.ts";
import { defaultStrangerLimits } from "../../src/app/strangers/limits.ts";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { Identity } from "../../src/domain/identity/identity.ts";
import { type IdentityKey, isModuleKey } from "../../src/domain/identity/key.ts";
import { newTwin } from "../../src/domain/twin/twin.ts";
import { createMemoryStore } from "../../src/stores/memory/store.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { type HubUnderTest, hostName, startHubUnderTest } from "../support/http-hub.ts";

/** The same in each run, so that an input that was kept means the same for ever. */
export const fuzzKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
export const otherFuzzKey = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
/** In 2100, in seconds since 1970. */
export const farExpiry = 4_102_444_800;

export const fuzzOwner: PolicyPrincipal = {
  kind: "policy",
  policy: "iothubowner",
  rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
};

export const ownerToken = createSasToken({
  resource: hostName,
  key: fuzzKey,
  expiry: farExpiry,
  policy: "iothubowner",
});

/** With the first of the keys that all identities of a fuzz hub have. */
export function identityToken({ deviceId, moduleId }: IdentityKey): string {
  const path = moduleId === undefined ? deviceId : `${deviceId}/modules/${moduleId}`;
  const resource = `${hostName}/devices/${path}`;
  return createSasToken({ resource, key: fuzzKey, expiry: farExpiry });
}

/** Who is there at the beginning; `honest` and its module belong to the honest client. */
export const identities: readonly IdentityKey[] = [
  { deviceId: "d1" },
  { deviceId: "d1", moduleId: "m1" },
  { deviceId: "honest" },
  { deviceId: "honest", moduleId: "m1" },
];

/** Nobody waits: that is tested elsewhere, and would make a run take hours. */
const patient = {
  ...defaultStrangerLimits,
  failures: Number.MAX_SAFE_INTEGER,
  failuresPerAddress: Number.MAX_SAFE_INTEGER,
  failuresPerIdentity: Number.MAX_SAFE_INTEGER,
};

export interface FuzzHub extends HubUnderTest {
  readonly store: HubStore;
  /** For further heads, as is the next. */
  readonly failedLogins: FailedLogins;
  /** Where `problems` looks. */
  readonly logTo: Log;
  /** Back to the identities and policies of the beginning; forgets history and what inputs have made besides. */
  restore(): Promise<void>;
  /** Errors that were logged since the last call; forgets the rest of the log. */
  problems(): readonly string[];
}

/** A hub with its state in memory behind the HTTP head on a plain listener, with fixed keys. */
export async function startFuzzHub(): Promise<FuzzHub> {
  const clock = new MovableClock();
  const store = createMemoryStore({ clock, partitions: 1 });
  const failedLogins = new FailedLogins(clock, patient);
  const target = await startHubUnderTest({ parts: { store, clock }, failedLogins });
  const { hub } = target;
  const authentication = { symmetricKey: { primaryKey: fuzzKey, secondaryKey: otherFuzzKey } };
  for (const key of identities) {
    const args = [{ authentication }, noPrecondition] as const;
    if (isModuleKey(key)) await hub.identities.putModule(fuzzOwner, key, ...args);
    else await hub.identities.putDevice(fuzzOwner, key.deviceId, ...args);
  }
  const { rights } = fuzzOwner;
  const keys = { primaryKey: fuzzKey, secondaryKey: otherFuzzKey };
  await hub.policies.put(fuzzOwner, "iothubowner", { rights, ...keys });
  const beginning = await snapshot(store);
  const errors: string[] = [];
  const note = (fields: object, message: string): void => {
    errors.push(`${message}: ${stackOf("err" in fields ? fields.err : undefined)}`);
  };
  return {
    ...target,
    store,
    failedLogins,
    logTo: { debug() {}, info() {}, warn() {}, error: note },
    async restore() {
      await deleteOthers(target, store);
      await beginning();
      await store.trimEvents(await store.lastEvent());
      await store.eventLog.trim(clock.now() + 1, 0);
    },
    problems() {
      const lines = (target.log as HubUnderTest["log"][number][]).splice(0);
      for (const { level, fields, message } of lines) if (level === "error") note(fields, message);
      return errors.splice(0);
    },
  };
}

/** Keeps who is there; gives back how to make it so again. */
async function snapshot(store: HubStore): Promise<() => Promise<void>> {
  const kept = await store.transaction(null, (tx) => ({
    identities: identities.flatMap((key) => tx.identity(key) ?? []),
    policies: tx.policies(),
  }));
  return async () => {
    for (const identity of kept.identities) await bringBack(store, identity);
    await store.transaction(null, (tx) => {
      for (const policy of kept.policies) tx.putPolicy(policy);
    });
  };
}

async function bringBack(store: HubStore, identity: Identity): Promise<void> {
  await store.transaction(identity, (tx) => {
    const twin = tx.twin(identity);
    tx.putIdentity(identity);
    if (twin === undefined) tx.putTwin(identity, newTwin(tx.now));
  });
}

async function deleteOthers({ hub }: HubUnderTest, store: HubStore): Promise<void> {
  const known = new Set(identities.map(({ deviceId }) => deviceId));
  for (const { deviceId } of await store.listDevices(null, 100_000))
    if (!known.has(deviceId)) await hub.identities.delete(fuzzOwner, { deviceId }, anyEtag);
  for (const deviceId of known) {
    const modules = await store.transaction(null, (tx) => tx.modulesOf(deviceId));
    for (const { moduleId } of modules)
      if (moduleId !== "m1")
        await hub.identities.delete(fuzzOwner, { deviceId, moduleId }, anyEtag);
    await hub.cloudToDevice.purge(fuzzOwner, deviceId).catch(() => undefined);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
