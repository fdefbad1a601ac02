import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { AppHub, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

/** Others may use the machine too. */
const waitUntil = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { interval: 20 });

describe.each(storeKinds)("On the %s store", (store) => {
  let app: AppHub;
  beforeEach(async () => {
    app = await AppHub.start(store);
  });
  afterEach(async () => {
    app.halt();
    await app.stop();
  });

  const twinJob = (queryCondition: string, more: JsonObject = {}): JsonObject => ({
    type: "scheduleUpdateTwin",
    updateTwin: { etag: "*", tags: { rolled: true }, properties: { desired: { n: 1 } } },
    queryCondition,
    ...more,
  });
  const methodJob = (queryCondition: string): JsonObject => ({
    type: "scheduleDeviceMethod",
    cloudToDeviceMethod: { methodName: "reboot", payload: { a: 1 } },
    queryCondition,
  });

  async function ended(jobId: string): Promise<JsonObject> {
    return waitUntil(async () => {
      const job = await app.hub.jobs.get(owner, jobId);
      expect(["completed", "failed", "cancelled"]).toContain(job["status"]);
      return job;
    });
  }

  async function rowsOf(jobId: string): Promise<readonly JsonObject[]> {
    const text = `select * from devices.jobs where jobId = '${jobId}'`;
    const page = await app.hub.queries.run(owner, text, {});
    expect(page.type).toBe("deviceJob");
    return page.items;
  }

  async function twinOf(key: IdentityKey): Promise<JsonObject> {
    return (await app.hub.twins.get(owner, key)).body;
  }

  const fleets = [
    {
      what: "devices",
      keys: [{ deviceId: "d1" }, { deviceId: "d2" }] as IdentityKey[],
      other: { deviceId: "d3" } as IdentityKey,
      condition: "deviceId IN ['d1','d2']",
    },
    {
      what: "modules",
      keys: [
        { deviceId: "d1", moduleId: "m1" },
        { deviceId: "d2", moduleId: "m1" },
      ] as IdentityKey[],
      other: { deviceId: "d1", moduleId: "m2" } as IdentityKey,
      condition: "from devices.modules where moduleId = 'm1'",
    },
  ];

  describe.each(fleets)("routes for the lives of jobs over $what", ({ keys, condition }) => {
    /** Messages about jobs in the event log, without the hub's name and times. */
    async function told(): Promise<readonly JsonObject[]> {
      const partitions = await app.hub.events.partitions(owner);
      const pages = await Promise.all(
        partitions.map(({ partition }) => app.hub.events.read(owner, partition, 1, 100)),
      );
      return pages.flat().map(({ message }) => {
        expect(message.source).toBe("deviceJobLifecycleEvents");
        const {
          jobId,
          opType,
          "iothub-message-schema": schema,
        } = Object.fromEntries(message.application);
        expect(schema).toBe("deviceJobLifecycleNotification");
        const body = JSON.parse(Buffer.from(message.body).toString()) as JsonObject;
        expect(body["jobId"]).toBe(jobId);
        return { opType: opType ?? "", ...body };
      });
    }

    beforeEach(async () => {
      for (const key of keys) await app.create(key);
      const name = "DeviceJobLifecycleEvents";
      const route = { name, source: name, endpointNames: ["events"], isEnabled: true } as const;
      const where = "$body.type = 'scheduleUpdateTwin'";
      await app.hub.routing.putRoute(owner, { ...route, condition: where }, { kind: "absent" });
    });

    it("are told how each began and ended, with its counts and without its patch", async () => {
      await app.hub.jobs.create(owner, "roll", twinJob(condition));
      await ended("roll");
      await waitUntil(async () => expect(await told()).toHaveLength(3));
      const [made, begun, done] = await told();
      expect(made).toMatchObject({ opType: "createJob", status: "queued" });
      expect(begun).toMatchObject({ opType: "startJob", status: "running" });
      expect(done).toMatchObject({
        opType: "completeJob",
        type: "scheduleUpdateTwin",
        status: "completed",
        queryCondition: condition,
        deviceJobStatistics: { deviceCount: 2, succeededCount: 2, failedCount: 0 },
      });
      expect(done).not.toHaveProperty("updateTwin");
    });

    it("are told of one that was cancelled before its time, and not of method jobs that the condition leaves out", async () => {
      const startTime = new Date(app.clock.now() + 3_600_000).toISOString();
      await app.hub.jobs.create(owner, "calls", { ...methodJob(condition), startTime });
      await app.hub.jobs.create(owner, "later", twinJob(condition, { startTime }));
      await app.hub.jobs.cancel(owner, "later");
      await waitUntil(async () => expect(await told()).toHaveLength(2));
      expect(await told()).toMatchObject([
        { jobId: "later", opType: "createJob", status: "scheduled" },
        { jobId: "later", opType: "cancelJob", status: "cancelled" },
      ]);
    });
  });

  describe.each(fleets)("a job over $what", ({ keys, other, condition }) => {
    beforeEach(async () => {
      for (const key of [...keys, other]) await app.create(key);
    });

    it("J01 patches each twin once, and tells how it went", async () => {
      const made = await app.hub.jobs.create(owner, "j1", twinJob(condition));
      expect(made).toMatchObject({ jobId: "j1", status: "queued", endTime: null });
      const job = await ended("j1");
      expect(job).toMatchObject({
        status: "completed",
        deviceJobStatistics: {
          deviceCount: 2,
          failedCount: 0,
          succeededCount: 2,
          runningCount: 0,
          pendingCount: 0,
        },
      });
      for (const key of keys)
        expect(await twinOf(key)).toMatchObject({
          tags: { rolled: true },
          version: 3,
          properties: { desired: { n: 1, $version: 2 } },
        });
      expect((await twinOf(other))["version"]).toBe(2);
      expect(await rowsOf("j1")).toMatchObject(
        keys.map((key) => ({ ...key, jobId: "j1", status: "completed" })),
      );
    });

    it("J02 calls the method of each, and completes although one is offline", async () => {
      const [first, second] = keys;
      if (first === undefined || second === undefined) throw new Error("two targets are needed");
      const { primary } = await app.hub.identities
        .get(owner, first)
        .then(({ body }) => keyOf(body));
      const { link, open } = await app.connect(first, primary);
      open.methodsReady(true);
      await app.hub.jobs.create(owner, "j2", methodJob(condition));
      await waitUntil(() => expect(link.invocations).toHaveLength(1));
      expect(link.invocations[0]).toMatchObject({ name: "reboot", payload: '{"a":1}' });
      expect((await app.hub.jobs.get(owner, "j2"))["status"]).toBe("running");
      link.invocations[0]?.answer(200, '{"ok":true}');
      expect(await ended("j2")).toMatchObject({
        status: "completed",
        deviceJobStatistics: { deviceCount: 2, failedCount: 1, succeededCount: 1, pendingCount: 0 },
      });
      const [answered, offline] = await rowsOf("j2");
      expect(answered).toMatchObject({
        ...first,
        jobType: "scheduleDeviceMethod",
        outcome: { deviceMethodResponse: { status: 200, payload: { ok: true } } },
      });
      expect(offline).toMatchObject({
        ...second,
        status: "failed",
        error: { code: "DeviceNotOnline" },
      });
    });

    it("J03 is cancelled before its start and touches nobody", async () => {
      const startTime = new Date(app.clock.now() + 3_600_000).toISOString();
      const made = await app.hub.jobs.create(owner, "j3", twinJob(condition, { startTime }));
      expect(made["status"]).toBe("scheduled");
      expect((await app.hub.jobs.cancel(owner, "j3"))["status"]).toBe("cancelled");
      app.clock.advance(7_200_000);
      await app.hub.jobs.create(owner, "later", twinJob("deviceId = 'nobody'"));
      await ended("later");
      expect((await app.hub.jobs.get(owner, "j3"))["status"]).toBe("cancelled");
      for (const key of keys) expect((await twinOf(key))["version"]).toBe(2);
      expect(await refusalOf(app.hub.jobs.cancel(owner, "j3"))).toBe("400003 InvalidOperation");
    });

    it("runs when it is due", async () => {
      const startTime = new Date(app.clock.now() + 3_600_000).toISOString();
      await app.hub.jobs.create(owner, "j4", twinJob(condition, { startTime }));
      app.clock.advance(3_599_000);
      expect((await app.hub.jobs.get(owner, "j4"))["status"]).toBe("scheduled");
      app.clock.advance(1_000);
      expect((await ended("j4"))["status"]).toBe("completed");
    });

    it("goes on in another process where an earlier one has left it, and calls nobody twice", async () => {
      const [first] = keys;
      if (first === undefined) throw new Error("a target is needed");
      const { primary } = await app.hub.identities
        .get(owner, first)
        .then(({ body }) => keyOf(body));
      const { link, open } = await app.connect(first, primary);
      open.methodsReady(true);
      await app.hub.jobs.create(owner, "j5", methodJob(condition));
      await waitUntil(() => expect(link.invocations).toHaveLength(1));
      app.halt();
      app = await AppHub.over(app.store, app.clock);
      expect(await ended("j5")).toMatchObject({ status: "completed" });
      expect(link.invocations).toHaveLength(1);
      expect((await rowsOf("j5"))[0]).toMatchObject({
        status: "failed",
        error: { code: "ServiceUnavailable" },
      });
    });
  });

  it("J04 and other jobs that could not run are refused", async () => {
    const create = (body: JsonObject): Promise<string> =>
      refusalOf(app.hub.jobs.create(owner, "bad", body));
    const invalid = "400004 ArgumentInvalid";
    expect(await create(twinJob("*", { updateTwin: { etag: "*", desired: { a: 1 } } }))).toBe(
      invalid,
    );
    expect(await create(twinJob("*", { updateTwin: { tags: { a: 1 } } }))).toBe(invalid);
    expect(await create(twinJob("*", { updateTwin: { etag: "*" } }))).toBe(invalid);
    expect(await create(twinJob("*", { updateTwin: { etag: "*", tags: { "a.b": 1 } } }))).toBe(
      invalid,
    );
    expect(await create(twinJob("deviceId ="))).toBe(invalid);
    expect(await create(twinJob("from devices.jobs"))).toBe(invalid);
    expect(await create(twinJob(""))).toBe("400005 ArgumentNull");
    expect(await create({ ...methodJob("*"), cloudToDeviceMethod: { methodName: "" } })).toBe(
      invalid,
    );
    expect(await create({ ...methodJob("*"), type: "other" })).toBe(invalid);
    expect(await create(twinJob("*", { maxExecutionTimeInSeconds: 0 }))).toBe(invalid);
    expect(await create(twinJob("*", { startTime: "tomorrow" }))).toBe(invalid);
    expect(await refusalOf(app.hub.jobs.get(owner, "bad"))).toBe("404002 JobNotFound");
    await app.hub.jobs.create(owner, "bad", twinJob("*"));
    expect(await create(twinJob("*"))).toBe("409104 JobAlreadyExists");
  });

  it("a job over more targets than one step takes reaches all of them, and its rows come in pages", async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `d${String(index).padStart(3, "0")}`);
    await Promise.all(ids.map((deviceId) => app.create({ deviceId })));
    await app.hub.jobs.create(owner, "many", twinJob("*"));
    expect(await ended("many")).toMatchObject({ deviceJobStatistics: { succeededCount: 250 } });
    const seen: string[] = [];
    let continuation: string | undefined;
    do {
      const text = "select * from devices.jobs";
      const page = await app.hub.queries.run(owner, text, { pageSize: 60, continuation });
      seen.push(...page.items.map((row) => row["deviceId"] as string));
      continuation = page.continuation ?? undefined;
    } while (continuation !== undefined);
    expect(seen).toEqual(ids);
  });

  it("a job that runs too long fails with what it has not reached", async () => {
    const links = [];
    for (const deviceId of ["d1", "d2"]) {
      const { primary } = await app.create({ deviceId });
      const { link, open } = await app.connect({ deviceId }, primary);
      open.methodsReady(true);
      links.push(link);
    }
    const startTime = new Date(app.clock.now() + 1_000).toISOString();
    await app.hub.jobs.create(owner, "slow", {
      ...methodJob("*"),
      cloudToDeviceMethod: { methodName: "m", responseTimeoutInSeconds: 300 },
      startTime,
      maxExecutionTimeInSeconds: 10,
    });
    app.clock.advance(1_000);
    // From the call on its time runs.
    for (const link of links) await waitUntil(() => expect(link.invocations).toHaveLength(1));
    expect(await app.hub.jobs.get(owner, "slow")).toMatchObject({
      deviceJobStatistics: { runningCount: 2 },
    });
    app.clock.advance(400_000);
    expect(await ended("slow")).toMatchObject({
      status: "failed",
      deviceJobStatistics: { deviceCount: 2, failedCount: 2, runningCount: 0 },
    });
    expect(await rowsOf("slow")).toMatchObject([{ status: "failed" }, { status: "failed" }]);
  });

  it("lists jobs by type and status in pages, and forgets them after thirty days", async () => {
    for (const id of ["a", "b", "c"])
      await app.hub.jobs.create(owner, id, twinJob("deviceId = 'x'"));
    await app.hub.jobs.create(owner, "m", methodJob("deviceId = 'x'"));
    for (const id of ["a", "b", "c", "m"]) await ended(id);
    const filter = { type: "scheduleUpdateTwin", status: "completed" } as const;
    const page = await app.hub.jobs.list(owner, filter, { pageSize: 2 });
    expect(page.items.map((job) => job["jobId"])).toEqual(["a", "b"]);
    const rest = await app.hub.jobs.list(owner, filter, {
      pageSize: 2,
      continuation: page.continuation ?? undefined,
    });
    expect([rest.items.map((job) => job["jobId"]), rest.continuation]).toEqual([["c"], null]);
    app.clock.advance(31 * 86_400_000);
    await waitUntil(async () => expect((await app.hub.jobs.list(owner, {}, {})).items).toEqual([]));
  });

  it("needs ServiceConnect", async () => {
    const reader = { ...owner, rights: ["RegistryWrite"] as const };
    for (const call of [
      app.hub.jobs.create(reader, "j", twinJob("*")),
      app.hub.jobs.get(reader, "j"),
      app.hub.jobs.cancel(reader, "j"),
      app.hub.jobs.list(reader, {}, {}),
    ])
      expect(await refusalOf(call)).toBe("401002 IotHubUnauthorizedAccess");
  });
});

function keyOf(body: JsonObject): { primary: string } {
  const { symmetricKey } = body["authentication"] as { symmetricKey: { primaryKey: string } };
  return { primary: symmetricKey.primaryKey };
}
