import { describe, expect, it, onTestFinished } from "vitest";
import type { EventSource } from "../../src/app/hub.ts";
import type { IdentityPrincipal, PolicyPrincipal } from "../../src/app/principal.ts";
import { logDefaults } from "../../src/domain/routing/endpoint.ts";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  AppHub,
  type StoreKind,
  openStore,
  owner,
  refusalOf,
  storeKinds,
} from "../support/app-hub.ts";

const subjects: [string, IdentityKey][] = [
  ["a device", { deviceId: "d1" }],
  ["a module", { deviceId: "d1", moduleId: "m1" }],
];
const hour = 3_600_000;

const putLog = (
  { hub }: AppHub,
  name: string,
  change: object = {},
  precondition = noPrecondition,
) => hub.routing.putEndpoint(owner, { name, type: "log", ...logDefaults, ...change }, precondition);

const putRoute = ({ hub }: AppHub, endpointNames: readonly string[], source = "DeviceMessages") =>
  hub.routing.putRoute(
    owner,
    {
      name: source,
      source: source as "DeviceMessages",
      condition: "",
      endpointNames,
      isEnabled: true,
    },
    noPrecondition,
  );

const dropRoute = ({ hub }: AppHub) => hub.routing.deleteRoute(owner, "DeviceMessages", anyEtag);

async function sender(hub: AppHub, key: IdentityKey): Promise<IdentityPrincipal> {
  const { primary } = await hub.create(key);
  return hub.prove(key, primary);
}

const send = ({ hub }: AppHub, principal: IdentityPrincipal, body: string) =>
  hub.telemetry.send(principal, { body: Buffer.from(body), system: {}, application: new Map() });

async function textsOf({ events }: EventSource): Promise<readonly string[]> {
  const partitions = await events.partitions(owner);
  const pages = await Promise.all(
    partitions.map(({ partition }) => events.read(owner, partition, 1, 1000)),
  );
  return pages.flat().map(({ message }) => Buffer.from(message.body).toString());
}

const texts = async ({ hub }: AppHub, name: string) => textsOf(await hub.eventSource(owner, name));

describe.each(storeKinds)("an endpoint with an event log, with the %s store", (kind: StoreKind) => {
  const start = async () => {
    const clock = new MovableClock();
    const store = await openStore(kind, clock);
    const hub = await AppHub.over(store, clock);
    onTestFinished(async () => {
      hub.halt();
      await store.close();
    });
    return hub;
  };

  it.each(subjects)("keeps what routes send it of %s, in order", async (_whose, key) => {
    const hub = await start();
    const principal = await sender(hub, key);
    await putLog(hub, "second", { partitionCount: 3 });
    await putRoute(hub, ["second"]);
    for (const text of ["a", "b", "c"]) await send(hub, principal, text);
    expect(await texts(hub, "second")).toEqual(["a", "b", "c"]);
    expect(await texts(hub, "events")).toEqual([]);
    const { events } = await hub.hub.eventSource(owner, "SECOND");
    const infos = await events.partitions(owner);
    const counts = infos.map(({ lastSequenceNumber }) => lastSequenceNumber);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 3]);
  });

  it("stands beside the built-in one: each has its own numbers", async () => {
    const hub = await start();
    const principal = await sender(hub, { deviceId: "d1" });
    await send(hub, principal, "before");
    await putLog(hub, "second");
    await putRoute(hub, ["events", "second"]);
    await send(hub, principal, "after");
    expect(await texts(hub, "events")).toEqual(["before", "after"]);
    expect(await texts(hub, "second")).toEqual(["after"]);
  });

  it("gets the hub's own events", async () => {
    const hub = await start();
    await putLog(hub, "second");
    await putRoute(hub, ["second"], "TwinChangeEvents");
    const key = { deviceId: "d1", moduleId: "m1" };
    await hub.create(key);
    await hub.hub.twins.patch(owner, key, { tags: { a: 1 } }, noPrecondition);
    await expect.poll(async () => texts(hub, "second")).toEqual([expect.stringContaining('"a":1')]);
  });

  it("is there with its messages and groups after a restart", async () => {
    const clock = new MovableClock();
    const store = await openStore(kind, clock);
    onTestFinished(() => store.close());
    const before = await AppHub.over(store, clock);
    const principal = await sender(before, { deviceId: "d1" });
    await putLog(before, "second");
    await putRoute(before, ["second"]);
    await (await before.hub.eventSource(owner, "second")).consumerGroups.create(owner, "g");
    await send(before, principal, "kept");
    before.halt();
    const hub = await AppHub.over(store, clock);
    onTestFinished(() => hub.halt());
    const { consumerGroups } = await hub.hub.eventSource(owner, "second");
    expect((await consumerGroups.list(owner)).map(({ name }) => name)).toEqual(["$Default", "g"]);
    expect((await hub.hub.consumerGroups.list(owner)).length).toBe(1);
    await send(hub, principal, "more");
    expect(await texts(hub, "second")).toEqual(["kept", "more"]);
  });

  it("takes its messages and groups along when it is deleted", async () => {
    const hub = await start();
    const principal = await sender(hub, { deviceId: "d1" });
    await putLog(hub, "second");
    await putRoute(hub, ["second"]);
    for (let n = 0; n < 600; n++) await send(hub, principal, `old ${n}`);
    const old = await hub.hub.eventSource(owner, "second");
    const gone: string[] = [];
    old.consumerGroups.onDeleted((id) => gone.push(id));
    expect(await refusalOf(hub.hub.routing.deleteEndpoint(owner, "second", anyEtag))).toBe(
      "400003 InvalidOperation",
    );
    await dropRoute(hub);
    await hub.hub.routing.deleteEndpoint(owner, "second", anyEtag);
    expect(gone).toEqual(["$default"]);
    const again = "404000 GenericNotFound";
    expect(await refusalOf(hub.hub.eventSource(owner, "second"))).toBe(again);
    await putLog(hub, "second");
    expect(await texts(hub, "second")).toEqual([]);
    // Whoever still reads the old one does not see the new one's.
    expect(await refusalOf(old.events.read(owner, 0, 1, 10))).toBe(again);
    expect(await refusalOf(old.consumerGroups.create(owner, "late"))).toBe(again);
  });

  it("forgets messages older than its retention, and the oldest ones beyond its size", async () => {
    const hub = await start();
    const principal = await sender(hub, { deviceId: "d1", moduleId: "m1" });
    await putLog(hub, "short", { retentionTimeInHours: 1, maxPartitionBytes: 12 });
    await putRoute(hub, ["events", "short"]);
    await send(hub, principal, "old");
    hub.clock.advance(hour / 2);
    for (const text of ["12345", "67890", "abcde"]) await send(hub, principal, text);
    hub.clock.advance(hour / 2);
    /** Old messages go once a minute. */
    const minuteLater = async () => {
      hub.clock.advance(60_000);
      return texts(hub, "short");
    };
    await expect.poll(minuteLater).toEqual(["67890", "abcde"]);
    expect((await texts(hub, "events")).length).toBe(4);
    hub.clock.advance(hour);
    await expect.poll(minuteLater).toEqual([]);
  });
});

describe("the settings of an event log", () => {
  it("may change its retention, and neither its partitions nor its kind", async () => {
    const hub = await AppHub.start();
    const made = await putLog(hub, "second", { partitionCount: 2 });
    expect(made.body).toEqual({
      name: "second",
      type: "log",
      partitionCount: 2,
      retentionTimeInHours: 24,
      maxPartitionBytes: 2 ** 30,
      createdTime: expect.stringMatching(/Z$/),
      healthStatus: "healthy",
      lastKnownError: null,
      waitingMessages: 0,
      deadLetters: 0,
      etag: made.etag,
    });
    const change = { partitionCount: 2, retentionTimeInHours: 48 };
    const changed = await putLog(hub, "second", change, anyEtag);
    expect(changed.body).toMatchObject({ ...change, createdTime: made.body["createdTime"] });
    const refused = "400003 InvalidOperation";
    expect(await refusalOf(putLog(hub, "second", { partitionCount: 3 }, anyEtag))).toBe(refused);
    hub.halt();
  });

  it("are bounded, ten endpoints in all", async () => {
    const hub = await AppHub.start();
    for (const bad of [
      { partitionCount: 0 },
      { partitionCount: 33 },
      { retentionTimeInHours: 2_161 },
      { maxPartitionBytes: 1.5 },
    ])
      expect(await refusalOf(putLog(hub, "bad", bad))).toBe("400004 ArgumentInvalid");
    for (let n = 1; n <= 10; n++) await putLog(hub, `log${n}`);
    expect(await refusalOf(putLog(hub, "log11"))).toBe("400003 InvalidOperation");
    await hub.hub.routing.deleteEndpoint(owner, "log3", anyEtag);
    await putLog(hub, "log11");
    hub.halt();
  });

  it("refuse names that clients of Event Hubs could not tell from others", async () => {
    const hub = await AppHub.start();
    await putLog(hub, "Second");
    for (const name of ["second", "HUB", "events", "Events", "devices", "Messages"])
      expect(await refusalOf(putLog(hub, name))).toBe("400004 ArgumentInvalid");
    hub.halt();
  });

  it("are for services to read and for owners to change", async () => {
    const hub = await AppHub.start();
    await putLog(hub, "second");
    const reader: PolicyPrincipal = { kind: "policy", policy: "r", rights: ["RegistryRead"] };
    const denied = "401002 IotHubUnauthorizedAccess";
    expect(await refusalOf(hub.hub.eventSource(reader, "second"))).toBe(denied);
    const service: PolicyPrincipal = { kind: "policy", policy: "s", rights: ["ServiceConnect"] };
    const { events, consumerGroups } = await hub.hub.eventSource(service, "second");
    expect((await events.partitions(service)).length).toBe(4);
    expect(await refusalOf(consumerGroups.create(service, "g"))).toBe(denied);
    expect(await refusalOf(events.read(reader, 0, 1, 1))).toBe(denied);
    hub.halt();
  });
});
