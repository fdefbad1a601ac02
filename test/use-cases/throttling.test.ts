import { afterEach, describe, expect, it, vi } from "vitest";
import { defaultSettings } from "../../src/app/context.ts";
import type { IdentityPrincipal, PolicyPrincipal } from "../../src/app/principal.ts";
import type { ThrottleSettings } from "../../src/app/throttling/throttles.ts";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import type { NewMessage } from "../../src/domain/messages/telemetry.ts";
import { readLimits } from "../../src/domain/throttling/throttles.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import {
  AppHub,
  RecordingLink,
  hostName,
  openStore,
  owner,
  refusalOf,
  storeKinds,
} from "../support/app-hub.ts";
import { noon } from "../support/noon.ts";

const second = 1_000;
const throttled = "429001 ThrottlingException";
const usedUp = "403002 IotHubQuotaExceeded";

/** One operation in ten seconds, four at once, four that wait: slow, so that the time of the test itself does not count. */
function settings(limits: string, more: Partial<ThrottleSettings> = {}): ThrottleSettings {
  return {
    name: "own limits",
    enforces: true,
    limits: readLimits(limits, { rates: {}, quota: null }),
    burst: 40 * second,
    maxDelay: 40 * second,
    ...more,
  };
}

const message = (bytes = 10): NewMessage => ({
  body: Buffer.alloc(bytes, "x"),
  system: {},
  application: new Map(),
});

describe.each(storeKinds)("On the %s store", (kind) => {
  let app: AppHub;
  afterEach(async () => {
    app.halt();
    await app.stop();
  });

  async function start(throttling: ThrottleSettings | null): Promise<void> {
    const clock = new MovableClock(noon());
    app = await over(await openStore(kind, clock), clock, throttling);
  }

  function over(
    store: AppHub["store"],
    clock: MovableClock,
    throttling: ThrottleSettings | null,
  ): Promise<AppHub> {
    const base = { ...defaultSettings, hostNames: [hostName] };
    return AppHub.over(store, clock, { settings: { ...base, throttling } });
  }

  async function proven(key: IdentityKey): Promise<IdentityPrincipal> {
    return app.prove(key, (await app.create(key)).primary);
  }

  /** Waits until so many have ended well; none may end otherwise. */
  function watch(works: readonly Promise<unknown>[]) {
    let done = 0;
    for (const work of works) void work.then(() => done++);
    return (count: number) => vi.waitFor(() => expect(done).toBe(count));
  }

  function state(name: string): JsonObject | undefined {
    const { throttles } = app.hub.throttling.view(owner) as { throttles: JsonObject[] };
    return throttles.find((each) => each["name"] === name);
  }

  const subjects: [string, IdentityKey][] = [
    ["device", { deviceId: "d1" }],
    ["module", { deviceId: "d1", moduleId: "m1" }],
  ];

  it.each(subjects)(
    "T1 telemetry of a %s passes, then waits in its order, then is refused",
    async (_, key) => {
      await start(settings("telemetry=0.1/s"));
      const self = await proven(key);
      const sent = Array.from({ length: 8 }, (__, index) =>
        app.hub.telemetry.send(self, message(index + 1)),
      );
      const refused = refusalOf(app.hub.telemetry.send(self, message()));
      const ended = watch(sent);
      expect(await refused).toBe(throttled);
      await ended(4);
      app.clock.advance(10 * second);
      await ended(5);
      app.clock.advance(30 * second);
      await ended(8);
      const lengths: number[] = [];
      for (let partition = 0; partition < 4; partition++) {
        for (const { message: kept } of await app.store.eventLog.read(partition, 1, 100))
          lengths.push(kept.body.byteLength);
      }
      expect(lengths).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(state("telemetry")).toMatchObject({ admitted: 8, delayed: 4, refused: 1, waiting: 0 });
      app.clock.advance(100 * second);
      await app.hub.telemetry.send(self, message());
    },
  );

  it.each(subjects)("T2 reports and reads of a %s have throttles of their own", async (_, key) => {
    await start(settings("twinUpdates=0.1/s,twinReads=0.1/s", { maxDelay: 0 }));
    const self = await proven(key);
    for (let n = 1; n <= 4; n++) await app.hub.twins.updateReported(self, { n });
    expect(await refusalOf(app.hub.twins.updateReported(self, { n: 9 }))).toBe(throttled);
    const patch = { properties: { desired: { a: 1 } } };
    expect(await refusalOf(app.hub.twins.patch(owner, key, patch, noPrecondition))).toBe(throttled);
    expect(await refusalOf(app.hub.twins.replace(owner, key, patch, anyEtag))).toBe(throttled);
    const { body } = await app.hub.twins.get(owner, key);
    expect(body).toMatchObject({ properties: { reported: { n: 4 } } });
    for (let n = 2; n <= 4; n++) await app.hub.twins.ownTwin(self);
    expect(await refusalOf(app.hub.twins.ownTwin(self))).toBe(throttled);
    expect(await refusalOf(app.hub.twins.get(owner, key))).toBe(throttled);
  });

  it("T3 a bulk call counts each identity", async () => {
    await start(settings("registry=0.1/s", { maxDelay: 0 }));
    const entries = ["a", "b", "c"].map((id) => ({ id, importMode: "create" as const }));
    expect(await app.hub.identities.bulk(owner, entries)).toMatchObject({ isSuccessful: true });
    expect(state("registry")).toMatchObject({ peakPerSecond: 3 });
    await app.hub.identities.listDevices(owner, 10);
    expect(await refusalOf(app.hub.identities.listDevices(owner, 10))).toBe(throttled);
  });

  it.each(subjects)(
    "T4 connects of a %s, queries, methods and messages are refused by name",
    async (_, key) => {
      const names =
        "connects=0.025/s,queries=0.025/s,methods=0.1KB/s,c2dSends=0.025/s,c2dReceives=0.025/s";
      await start(
        settings(`${names},fileUploads=0.025/s,jobs=0.025/s,configurations=0.025/s`, {
          maxDelay: 0,
        }),
      );
      const self = await proven(key);
      const { hub } = app;
      const command = {
        body: Buffer.from("x"),
        system: {},
        application: new Map(),
        ack: "none",
      } as const;
      const link = new RecordingLink();
      const calls: [string, () => Promise<unknown>][] = [
        ["DeviceConnect", () => hub.connections.open(self, link, { clean: false })],
        ["Query", () => hub.queries.run(owner, "select * from devices.modules", {})],
        ["C2DSend", () => hub.cloudToDevice.send(owner, "d1", command)],
        ["C2DReceive", () => hub.cloudToDevice.receive(self, 1)],
        ["Job", () => hub.jobs.list(owner, {}, {})],
        ["Configuration", () => hub.configurations.list(owner, 10)],
      ];
      for (const [title, call] of calls) {
        await call();
        await expect(call(), title).rejects.toMatchObject({
          name: "ThrottlingException",
          message: expect.stringContaining(`Operation type: ${title}`),
        });
      }
      // Those of a connection are not HTTPS calls.
      await hub.cloudToDevice.receive(self, 1, "some connection");
      const invoke = () =>
        hub.methods.invoke(owner, key, { methodName: "x", payload: "y".repeat(5000) });
      expect(await refusalOf(invoke())).not.toBe(throttled);
      expect(await refusalOf(invoke())).toBe(throttled);
    },
  );

  it.each(subjects)(
    "T5 the day's messages of a %s are used up, across a restart, until midnight",
    async (_, key) => {
      await start(settings("quota=6/day"));
      const self = await proven(key);
      await app.hub.telemetry.send(self, message(4096));
      await app.hub.telemetry.send(self, message(9000));
      await app.hub.twins.updateReported(self, { a: 1 });
      expect(app.hub.throttling.view(owner)["quota"]).toMatchObject({ perDay: 6, used: 5 });
      app.halt();
      app = await over(app.store, app.clock, settings("quota=6/day"));
      await vi.waitFor(() =>
        expect(app.hub.throttling.view(owner)["quota"]).toMatchObject({ used: 5, refused: 0 }),
      );
      await app.hub.twins.ownTwin(self);
      expect(await refusalOf(app.hub.telemetry.send(self, message()))).toBe(usedUp);
      expect(await refusalOf(app.hub.twins.updateReported(self, { a: 2 }))).toBe(usedUp);
      expect(await refusalOf(app.hub.methods.invoke(owner, key, { methodName: "x" }))).toBe(usedUp);
      // Identities can be managed all the same.
      await app.hub.identities.get(owner, key);
      app.clock.advance(86_400 * second);
      await app.hub.telemetry.send(self, message());
      expect(app.hub.throttling.view(owner)["quota"]).toMatchObject({ used: 1, refused: 3 });
    },
  );

  it.each(subjects)(
    "T6 to observe refuses a %s nothing, and counts what the cloud would have refused",
    async (_, key) => {
      await start(settings("telemetry=0.1/s,quota=10/day", { enforces: false }));
      const self = await proven(key);
      for (let n = 0; n < 12; n++) await app.hub.telemetry.send(self, message());
      expect(state("telemetry")).toMatchObject({ admitted: 8, delayed: 4, refused: 4, waiting: 0 });
      expect(app.hub.throttling.view(owner)).toMatchObject({
        mode: "observe",
        quota: { used: 12, refused: 2 },
      });
    },
  );

  it("T7 a job waits for its targets' turn instead of failing", async () => {
    await start(settings("jobDevices=0.1/s", { burst: 10 * second }));
    await app.create({ deviceId: "d1", moduleId: "m1" });
    await app.create({ deviceId: "d1", moduleId: "m2" });
    const job = (jobId: string, moduleId: string) =>
      app.hub.jobs.create(owner, jobId, {
        type: "scheduleUpdateTwin",
        updateTwin: { etag: "*", tags: { rolled: true } },
        queryCondition: `FROM devices.modules WHERE moduleId = '${moduleId}'`,
      });
    const statusOf = async (jobId: string) => (await app.hub.jobs.get(owner, jobId))["status"];
    await job("j1", "m1");
    await vi.waitFor(async () => expect(await statusOf("j1")).toBe("completed"));
    await job("j2", "m2");
    await vi.waitFor(() => expect(state("jobDevices")).toMatchObject({ waiting: 1 }));
    expect(await statusOf("j2")).toBe("running");
    app.clock.advance(10 * second);
    await vi.waitFor(async () => expect(await statusOf("j2")).toBe("completed"));
  });

  it("T8 without limits there is nothing to see, and only who may read is told", async () => {
    await start(null);
    const view = { mode: "off", limits: null, throttles: [], quota: null };
    expect(app.hub.throttling.view(owner)).toEqual(view);
    const reader: PolicyPrincipal = {
      kind: "policy",
      policy: "registryRead",
      rights: ["RegistryRead"],
    };
    expect(app.hub.throttling.view(reader)).toEqual(view);
    const device: PolicyPrincipal = { kind: "policy", policy: "device", rights: ["DeviceConnect"] };
    expect(() => app.hub.throttling.view(device)).toThrow(/RegistryRead or ServiceConnect/);
  });
});
