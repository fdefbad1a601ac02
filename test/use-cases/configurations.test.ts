import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
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

  const put = (id: string, body: JsonObject, precondition = noPrecondition) =>
    app.hub.configurations.put(owner, id, body, precondition);
  const remove = (id: string) => app.hub.configurations.delete(owner, id, anyEtag);
  const twinOf = async (key: IdentityKey) => (await app.hub.twins.get(owner, key)).body;
  const desiredOf = async (key: IdentityKey): Promise<JsonObject> => {
    const { properties } = (await twinOf(key)) as { properties: { desired: JsonObject } };
    const { $metadata: _metadata, $version: _version, ...desired } = properties.desired;
    return desired;
  };
  const patch = (key: IdentityKey, body: JsonObject) =>
    app.hub.twins.patch(owner, key, body, noPrecondition);
  const becomes = (key: IdentityKey, desired: JsonObject, statuses: JsonObject) =>
    waitUntil(async () => {
      expect(await desiredOf(key)).toEqual(desired);
      expect((await twinOf(key))["configurations"] ?? {}).toEqual(statuses);
    });
  const applied = { status: "Applied" };
  const targeted = { status: "Targeted" };

  const subjects = [
    {
      what: "device",
      member: "deviceContent",
      key: { deviceId: "d1" } as IdentityKey,
      other: { deviceId: "d1", moduleId: "m1" } as IdentityKey,
      when: (condition: string) => condition,
      everybody: "*",
    },
    {
      what: "module",
      member: "moduleContent",
      key: { deviceId: "d1", moduleId: "m1" } as IdentityKey,
      other: { deviceId: "d1" } as IdentityKey,
      when: (condition: string) => `from devices.modules where ${condition}`,
      everybody: "from devices.modules",
    },
  ];

  describe.each(subjects)("a $what configuration", ({ member, key, other, when, everybody }) => {
    const configuration = (
      settings: JsonObject,
      priority: number,
      condition = "tags.role='cam'",
    ) => ({
      content: {
        [member]: Object.fromEntries(
          Object.entries(settings).map(([path, value]) => [`properties.desired.${path}`, value]),
        ),
      },
      targetCondition: condition === "" ? "" : when(condition),
      priority,
    });
    beforeEach(async () => {
      await app.create({ deviceId: "d1" });
      await app.create({ deviceId: "d1", moduleId: "m1" });
      await patch(key, { tags: { role: "cam" } });
    });

    it("G01 G02 G03 wins by priority for each setting; what is withdrawn is not restored", async () => {
      await patch(key, { properties: { desired: { x: 0, own: 7 } } });
      await put("a", configuration({ x: 1, y: 1 }, 10));
      await becomes(key, { x: 1, y: 1, own: 7 }, { a: applied });
      await put("b", configuration({ x: 2 }, 20));
      await becomes(key, { x: 2, y: 1, own: 7 }, { a: applied, b: applied });
      await remove("b");
      await becomes(key, { x: 1, y: 1, own: 7 }, { a: applied });
      await remove("a");
      await becomes(key, { own: 7 }, {});
      expect(await desiredOf(other)).toEqual({});
    });

    it("G04 created later wins among equal priorities; who is beaten everywhere is only targeted", async () => {
      await put("z", configuration({ x: 1 }, 5));
      await put("a", configuration({ x: 2 }, 5));
      await becomes(key, { x: 2 }, { a: applied, z: targeted });
    });

    it("G05 with an empty condition addresses nobody", async () => {
      const { body } = await put("a", configuration({ x: 1 }, 1, ""));
      expect(body["systemMetrics"]).toMatchObject({ queries: { targetedCount: "" } });
      await put("b", configuration({ y: 1 }, 1));
      await becomes(key, { y: 1 }, { b: applied });
    });

    it("G06 keeps its content for ever, and the rest may change", async () => {
      const made = await put("a", configuration({ x: 1 }, 1));
      expect(await refusalOf(put("a", configuration({ x: 2 }, 1), anyEtag))).toBe(
        "400403 CannotModifyImmutableConfigurationContent",
      );
      const etag = { kind: "etag", etag: made.etag } as const;
      const after = await put("a", { priority: 3, labels: { k: "v" } }, etag);
      expect([after.created, after.body]).toMatchObject([
        false,
        { priority: 3, labels: { k: "v" }, content: made.body["content"] },
      ]);
      expect(await refusalOf(put("a", { priority: 4 }, etag))).toBe("412001 PreconditionFailed");
    });

    it("G07 G08 G10 follows its targets as they come and go", async () => {
      await put("a", configuration({ "deep.x": 1, y: 2 }, 1, "tags.late = true"));
      expect(await desiredOf(key)).toEqual({});
      await patch(key, { tags: { late: true } });
      await becomes(key, { deep: { x: 1 }, y: 2 }, { a: applied });
      expect(await desiredOf(other)).toEqual({});
      await put("a", { targetCondition: when("tags.late = 'no more'") }, anyEtag);
      await becomes(key, { deep: {} }, {});
    });

    it("is one change of the twin, with one version and one notification", async () => {
      const { body } = await app.hub.identities.get(owner, key);
      const { symmetricKey } = body["authentication"] as { symmetricKey: { primaryKey: string } };
      const { link } = await app.connect(key, symmetricKey.primaryKey);
      await put("a", configuration({ x: 1, y: { z: [1, 2] } }, 1));
      await becomes(key, { x: 1, y: { z: [1, 2] } }, { a: applied });
      await waitUntil(() =>
        expect(link.desired).toEqual([{ change: { x: 1, y: { z: [1, 2] } }, version: 2 }]),
      );
      app.clock.advance(300_000);
      await put("b", configuration({ last: 1 }, 1));
      await waitUntil(() => expect(link.desired).toHaveLength(2));
      expect(link.desired[1]).toEqual({ change: { last: 1 }, version: 3 });
    });

    it("takes back what was changed by hand, and gives room to one that sets a place above or below", async () => {
      await put("a", configuration({ x: { y: 1 } }, 1));
      await becomes(key, { x: { y: 1 } }, { a: applied });
      await patch(key, { properties: { desired: { x: { y: 9 } } } });
      await becomes(key, { x: { y: 1 } }, { a: applied });
      await put("b", configuration({ x: 5 }, 2));
      await becomes(key, { x: 5 }, { a: targeted, b: applied });
      await remove("b");
      await becomes(key, { x: { y: 1 } }, { a: applied });
    });

    it("that reads what it writes changes a twin once in a run, not for ever", async () => {
      await put("a", configuration({ x: 1 }, 1, "NOT is_defined(properties.desired.x)"));
      await becomes(key, { x: 1 }, { a: applied });
      await put("b", configuration({ y: 1 }, 1));
      await waitUntil(async () => expect(await desiredOf(key)).toHaveProperty("y"));
      expect((await twinOf(key))["version"]).toBeLessThan(8);
    });

    it("reaches everybody, new identities too, and counts them", async () => {
      const text = `select deviceId from ${key.moduleId === undefined ? "devices" : "devices.modules"} where properties.desired.x = 1`;
      await put("all", {
        content: { [member]: { "properties.desired.x": 1 } },
        targetCondition: everybody,
        metrics: { queries: { mine: text, bare: "select *" } },
      });
      await becomes(key, { x: 1 }, { all: applied });
      const more =
        key.moduleId === undefined ? { deviceId: "d2" } : { deviceId: "d2", moduleId: "m" };
      await app.create(more);
      await becomes(more, { x: 1 }, { all: applied });
      app.clock.advance(300_000);
      await waitUntil(async () =>
        expect((await app.hub.configurations.get(owner, "all")).body).toMatchObject({
          systemMetrics: { results: { targetedCount: 2, appliedCount: 2 } },
          metrics: { results: { mine: 2 } },
        }),
      );
    });

    it("is withdrawn by the next process if its own ended before", async () => {
      await put("a", configuration({ x: 1 }, 1));
      await becomes(key, { x: 1 }, { a: applied });
      app.halt();
      await remove("a");
      expect(await desiredOf(key)).toEqual({ x: 1 });
      app = await AppHub.over(app.store, app.clock);
      await becomes(key, {}, {});
    });

    it("leaves alone a twin that has no room, and reaches the others", async () => {
      const text = "x".repeat(4000);
      const full = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`k${n}`, text]));
      await patch(key, { properties: { desired: full } });
      const more = { ...key, deviceId: "d2" };
      await app.create(more);
      await patch(more, { tags: { role: "cam" } });
      await put("a", configuration({ x: text }, 1));
      await becomes(more, { x: text }, { a: applied });
      await becomes(key, full, { a: targeted });
    });

    it("G09 and others that could not be applied are refused", async () => {
      const good = configuration({ x: 1 }, 1);
      const refused = (body: JsonObject, id = "a") => refusalOf(put(id, body));
      expect(await refused(good, "Upper")).toBe("400004 ArgumentInvalid");
      expect(await refused({ ...good, targetCondition: "tags.x = " })).toBe(
        "400401 InvalidConfigurationTargetCondition",
      );
      const wrong = key.moduleId === undefined ? "from devices.modules where moduleId='m'" : "*";
      expect(await refused({ ...good, targetCondition: wrong })).toBe(
        "400401 InvalidConfigurationTargetCondition",
      );
      for (const content of [
        null,
        {},
        { [member]: { x: 1 } },
        { [member]: { "properties.desired.x": "y".repeat(5000) } },
        { deviceContent: {}, moduleContent: {} },
      ])
        expect(await refused({ ...good, content })).toBe("400402 InvalidConfigurationContent");
      expect(await refused({ ...good, metrics: { queries: { a: "select" } } })).toBe(
        "400404 InvalidConfigurationCustomMetricsQuery",
      );
      expect(await refused({ ...good, priority: -1 })).toBe("400004 ArgumentInvalid");
      expect(await refusalOf(put("a", good, anyEtag))).toBe("404301 ConfigurationNotFound");
      await put("a", good);
      expect(await refused(good)).toBe("409401 ConfigurationAlreadyExists");
      expect(await refusalOf(remove("b"))).toBe("404301 ConfigurationNotFound");
    });
  });

  it("tells what is wrong with queries", async () => {
    const body = {
      targetCondition: "tags.a = ",
      customMetricQueries: { good: "select * from devices", bad: "select from" },
    };
    const answer = await app.hub.configurations.testQueries(owner, body);
    expect(answer).toEqual({
      targetConditionError: expect.stringContaining("column"),
      customMetricQueryErrors: { bad: expect.stringContaining("column") },
    });
    expect(await app.hub.configurations.testQueries(owner, { targetCondition: "*" })).toEqual({
      targetConditionError: null,
      customMetricQueryErrors: {},
    });
  });

  it("has a hundred configurations at most", async () => {
    const body = { content: { deviceContent: {} }, targetCondition: "" };
    for (let n = 0; n < 100; n++) await put(`c${n}`, body);
    expect(await refusalOf(put("c100", body))).toBe("413101 ConfigurationCountLimitExceeded");
    expect(await app.hub.configurations.list(owner, 3)).toHaveLength(3);
    expect(await app.hub.configurations.list(owner, 0)).toHaveLength(100);
  });

  it("needs rights", async () => {
    const read = { ...owner, rights: ["RegistryRead"] as const };
    const refused = "401002 IotHubUnauthorizedAccess";
    expect(await app.hub.configurations.list(read, undefined)).toEqual([]);
    expect(await refusalOf(app.hub.configurations.put(read, "a", {}, noPrecondition))).toBe(
      refused,
    );
    expect(await refusalOf(app.hub.configurations.applyContent(read, "d", {}))).toBe(refused);
    const device = { ...owner, rights: ["DeviceConnect"] as const };
    expect(await refusalOf(app.hub.configurations.list(device, undefined))).toBe(refused);
  });

  describe("an edge device", () => {
    const device = { deviceId: "edge" };
    const agent = { deviceId: "edge", moduleId: "$edgeAgent" };
    const modulesOf = async () =>
      (await app.hub.identities.listModules(owner, "edge")).map((module) => module["moduleId"]);
    const deployment = (modules: JsonObject, priority: number, more: JsonObject = {}) => ({
      content: {
        modulesContent: {
          $edgeAgent: { "properties.desired": { schemaVersion: "1.1", modules } },
          $edgeHub: { "properties.desired": { routes: {} } },
          ...more,
        },
      },
      targetCondition: "tags.site = 1",
      priority,
    });
    beforeEach(async () => {
      await app.hub.identities.putDevice(
        owner,
        "edge",
        { capabilities: { iotEdge: true } },
        noPrecondition,
      );
      await patch(device, { tags: { site: 1 } });
    });

    it("gets the deployment of the highest priority, layers over it, and keeps it when that is deleted", async () => {
      await put("low", deployment({ old: {} }, 1));
      await becomes(agent, { schemaVersion: "1.1", modules: { old: {} } }, { low: applied });
      await put(
        "base",
        deployment({ cam: { v: 1 } }, 10, { cam: { "properties.desired": { fps: 5 } } }),
      );
      await put("layer", {
        content: {
          modulesContent: {
            $edgeAgent: { "properties.desired.modules.extra": { v: 2 } },
            cam: { "properties.desired.fps": 9 },
          },
        },
        targetCondition: "tags.site = 1",
        priority: 20,
      });
      const statuses = { base: applied, layer: applied, low: targeted };
      await becomes(
        agent,
        { schemaVersion: "1.1", modules: { cam: { v: 1 }, extra: { v: 2 } } },
        statuses,
      );
      expect(await desiredOf({ deviceId: "edge", moduleId: "cam" })).toEqual({ fps: 9 });
      expect((await twinOf(device))["configurations"]).toEqual(statuses);
      expect(await modulesOf()).toEqual(["$edgeAgent", "$edgeHub", "cam", "extra"]);
      const cam = await app.hub.identities.get(owner, { deviceId: "edge", moduleId: "cam" });
      expect(cam.body).toMatchObject({ managedBy: "iotEdge", authentication: { type: "none" } });
      await waitUntil(async () =>
        expect((await app.hub.configurations.get(owner, "layer")).body).toMatchObject({
          systemMetrics: { results: { targetedCount: 1, appliedCount: 1, reportedFailedCount: 0 } },
        }),
      );
      const kept = { schemaVersion: "1.1", modules: { cam: { v: 1 }, extra: { v: 2 } } };
      await remove("low");
      await becomes(agent, kept, { base: applied, layer: applied });
      await remove("base");
      await becomes(agent, kept, { layer: targeted });
      await remove("layer");
      await becomes(agent, kept, {});
      expect((await twinOf(device))["configurations"]).toBeUndefined();
    });

    it("takes modules at once, and loses those that are managed by it and not listed any more", async () => {
      await app.create({ deviceId: "edge", moduleId: "mine" });
      const apply = (modules: JsonObject) =>
        app.hub.configurations.applyContent(owner, "edge", deployment(modules, 0).content);
      await apply({ a: {}, b: {} });
      expect(await modulesOf()).toEqual(["$edgeAgent", "$edgeHub", "a", "b", "mine"]);
      await apply({ b: {} });
      expect(await modulesOf()).toEqual(["$edgeAgent", "$edgeHub", "b", "mine"]);
      expect(await desiredOf(agent)).toEqual({ schemaVersion: "1.1", modules: { b: {} } });
    });

    it("is told apart from others, which take desired properties only", async () => {
      await app.create({ deviceId: "plain" });
      const apply = (content: JsonObject) =>
        app.hub.configurations.applyContent(owner, "plain", content);
      expect(await refusalOf(apply(deployment({ a: {} }, 0).content))).toBe(
        "400003 InvalidOperation",
      );
      await apply({ deviceContent: { "properties.desired.x": 1 } });
      expect(await desiredOf({ deviceId: "plain" })).toEqual({ x: 1 });
      expect(
        await refusalOf(app.hub.configurations.applyContent(owner, "no", { deviceContent: {} })),
      ).toBe("404001 DeviceNotFound");
    });
  });
});
