import { beforeEach, describe, expect, it, vi } from "vitest";
import type { BlobStore } from "../../src/app/ports.ts";
import { noPrecondition } from "../../src/domain/identity/etag.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { createMemoryBlobStore } from "../../src/stores/blobs/memory.ts";
import { createMemoryStore } from "../../src/stores/memory/store.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { AppHub, hostName, owner, refusalOf } from "../support/app-hub.ts";
import { noon } from "../support/noon.ts";

const folder = `https://${hostName}/uploads/~registry`;

describe("import and export", () => {
  let app: AppHub;
  let blobs: BlobStore;
  const over = (store: AppHub["store"], clock: MovableClock) =>
    AppHub.over(store, clock, {
      fileStorage: { kind: "own", blobs, address: () => hostName },
    });
  beforeEach(async () => {
    const clock = new MovableClock(noon());
    blobs = createMemoryBlobStore({ clock });
    app = await over(createMemoryStore({ clock, partitions: 1 }), clock);
  });

  async function text(name: string): Promise<string> {
    const blob = await blobs.read(name);
    if (blob === null) throw new Error(`There is no ${name}`);
    return Buffer.concat(await collect(blob.content)).toString();
  }
  async function lines(name: string): Promise<JsonObject[]> {
    const all = (await text(name)).split("\n").filter(Boolean);
    return all.map((line) => JSON.parse(line) as JsonObject);
  }
  async function put(name: string, content: readonly (JsonObject | string)[]): Promise<void> {
    const bytes = content.map((one) =>
      Buffer.from(`${typeof one === "string" ? one : JSON.stringify(one)}\n`),
    );
    const description = { contentType: "text/plain", metadata: {} };
    async function* read() {
      yield* bytes;
    }
    await blobs.putBlob(
      name,
      read(),
      () => description,
      () => undefined,
    );
  }
  async function run(body: JsonObject): Promise<JsonObject> {
    const { jobId } = await app.hub.transfers.create(owner, body);
    return ended(jobId as string);
  }
  const ended = (jobId: string) =>
    vi.waitFor(async () => {
      const job = await app.hub.transfers.get(owner, jobId);
      expect(job["endTimeUtc"]).not.toBeNull();
      return job;
    });
  const exported = (more: JsonObject = {}) =>
    run({ type: "export", outputBlobContainerUri: `${folder}?sig=secret`, ...more });
  const imported = () =>
    run({ type: "import", inputBlobContainerUri: folder, outputBlobContainerUri: folder });

  it("carry devices and modules with keys and twins from one hub to another", async () => {
    await app.create({ deviceId: "d1", moduleId: "m1" });
    await app.hub.identities.putDevice(
      owner,
      "edge",
      { capabilities: { iotEdge: true }, status: "disabled", statusReason: "sold" },
      noPrecondition,
    );
    const body = { tags: { a: 1 }, properties: { desired: { x: { y: [1] } } } };
    const keys = [
      { deviceId: "d1" },
      { deviceId: "d1", moduleId: "m1" },
      { deviceId: "edge", moduleId: "$edgeAgent" },
    ];
    for (const key of keys) await app.hub.twins.patch(owner, key, body, noPrecondition);
    const job = await exported();
    expect(job).toMatchObject({
      type: "export",
      status: "completed",
      progress: 100,
      outputBlobContainerUri: folder,
      outputBlobName: "devices.txt",
    });
    const file = await lines("~registry/devices.txt");
    expect(file.map(({ id, moduleId }) => [id, moduleId])).toEqual([
      ["d1", undefined],
      ["d1", "m1"],
      ["edge", undefined],
      ["edge", "$edgeAgent"],
      ["edge", "$edgeHub"],
    ]);
    const before = await Promise.all(keys.map((key) => app.hub.identities.get(owner, key)));

    const clock = new MovableClock(noon());
    app = await over(createMemoryStore({ clock, partitions: 1 }), clock);
    expect(await imported()).toMatchObject({ status: "completed", progress: 100 });
    expect(await text("~registry/importErrors.log")).toBe("");
    for (const [index, key] of keys.entries()) {
      const { body: identity } = await app.hub.identities.get(owner, key);
      expect(identity["authentication"]).toEqual(before[index]?.body["authentication"]);
      expect((await app.hub.twins.get(owner, key)).body).toMatchObject(body);
    }
    expect((await app.hub.identities.get(owner, { deviceId: "edge" })).body).toMatchObject({
      status: "disabled",
      statusReason: "sold",
      capabilities: { iotEdge: true },
    });
  });

  it.each([
    ["a device", { deviceId: "d1" }],
    ["a module", { deviceId: "d1", moduleId: "m1" }],
  ])("bring the times and versions of the twin of %s along", async (_whose, key) => {
    const { primary } = await app.create(key);
    const principal = await app.prove(key, primary);
    const desired = { properties: { desired: { x: { y: 1 } } } };
    await app.hub.twins.patch(owner, key, desired, noPrecondition);
    app.clock.advance(60_000);
    await app.hub.twins.patch(owner, key, { properties: { desired: { z: 2 } } }, noPrecondition);
    await app.hub.twins.updateReported(principal, { battery: [80] });
    const metadataOf = async () => {
      const { properties } = (await app.hub.twins.get(owner, key)).body as {
        properties: Record<string, { $metadata: JsonObject; $version: number }>;
      };
      return [properties["desired"]?.$metadata, properties["reported"]?.$metadata];
    };
    const before = await metadataOf();
    await exported();
    app.clock.advance(3_600_000);
    app = await over(createMemoryStore({ clock: app.clock, partitions: 1 }), app.clock);
    await imported();
    expect(await metadataOf()).toEqual(before);
  });

  it("do not believe metadata that cannot be", async () => {
    const $metadata = { $lastUpdated: "yesterday", $lastUpdatedVersion: -1, x: 7, other: {} };
    await put("~registry/devices.txt", [
      { id: "d1", properties: { desired: { x: 1, $metadata } } },
    ]);
    await imported();
    const { body } = await app.hub.twins.get(owner, { deviceId: "d1" });
    const { desired } = body["properties"] as { desired: JsonObject };
    const now = new Date(app.clock.now()).toISOString().slice(0, 10);
    expect(desired).toMatchObject({
      x: 1,
      $metadata: { $lastUpdated: expect.stringContaining(now), $lastUpdatedVersion: 2 },
    });
    expect(Object.keys(desired["$metadata"] as JsonObject)).not.toContain("other");
  });

  it("carry automatic configurations when they shall, with what is wrong with any in the log", async () => {
    const content = { moduleContent: { "properties.desired.a": 1 } };
    const of = (priority: number) => ({
      content,
      targetCondition: "from devices.modules where moduleId = 'm1'",
      priority,
    });
    const { configurations } = app.hub;
    await configurations.put(owner, "first", of(1), noPrecondition);
    await configurations.put(owner, "second", of(2), noPrecondition);
    expect(await exported({ includeConfigurations: true })).toMatchObject({
      includeConfigurations: true,
      configurationsBlobName: "configurations.txt",
    });
    const file = await lines("~registry/configurations.txt");
    expect(file.map(({ id }) => id)).toEqual(["first", "second"]);

    const clock = new MovableClock(noon());
    app = await over(createMemoryStore({ clock, partitions: 1 }), clock);
    await app.hub.configurations.put(owner, "first", of(7), noPrecondition);
    const bad = [
      { ...file[0], id: "No Good" },
      { ...file[1], importMode: "move" },
    ];
    await put("~registry/configurations.txt", [...file, ...bad, "{"]);
    const job = await run({
      type: "import",
      inputBlobContainerUri: folder,
      outputBlobContainerUri: folder,
      includeConfigurations: true,
    });
    expect(job).toMatchObject({ status: "completed" });
    const there = await app.hub.configurations.list(owner, undefined);
    expect(there.map(({ id, priority }) => [id, priority])).toEqual([
      ["first", 1],
      ["second", 2],
    ]);
    expect(await lines("~registry/importErrors.log")).toMatchObject([
      { configurationsLine: 3, errorStatus: expect.any(String) },
      { configurationsLine: 4, errorStatus: "ArgumentInvalid" },
      { configurationsLine: 5 },
    ]);
    const reader = { kind: "policy", policy: "p", rights: ["RegistryWrite"] } as const;
    const body = { type: "export", outputBlobContainerUri: folder, includeConfigurations: true };
    expect(await refusalOf(app.hub.transfers.create(reader, body))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
  });

  it("leave keys out when they shall", async () => {
    const { primary } = await app.create({ deviceId: "d1", moduleId: "m1" });
    await exported({ excludeKeysInExport: true });
    expect(await text("~registry/devices.txt")).not.toContain(primary);
    for (const line of await lines("~registry/devices.txt"))
      expect(line["authentication"]).toMatchObject({
        type: "sas",
        symmetricKey: { primaryKey: null, secondaryKey: null },
      });
  });

  it("apply every mode to devices and modules, and log what they cannot", async () => {
    await app.create({ deviceId: "d1", moduleId: "m1" });
    await app.create({ deviceId: "d2", moduleId: "m1" });
    await put("~registry/devices.txt", [
      { id: "d3", importMode: "create" },
      { id: "d3", moduleId: "m", importMode: "create", tags: { n: 3 } },
      { id: "d1", importMode: "create" },
      { id: "d1", moduleId: "m1", importMode: "update", managedBy: "me" },
      { id: "d1", importMode: "updateTwin", tags: { n: 1 } },
      { id: "d1", importMode: "updateIfMatchETag", eTag: "bm8=", status: "disabled" },
      { id: "d2", moduleId: "m1", importMode: "Delete" },
      { id: "d2", moduleId: "m1", importMode: "deleteIfMatchETag", eTag: "*" },
      { id: "d4", properties: { desired: { $version: 9, x: 1 }, reported: { y: 2, $version: 3 } } },
      "this is no JSON",
      { id: "d5", importMode: "other" },
      { id: "d5", status: 5 },
      "",
    ]);
    expect(await imported()).toMatchObject({
      status: "completed",
      outputBlobName: "importErrors.log",
    });
    const errors = await lines("~registry/importErrors.log");
    const found = errors.map(({ id, line, errorStatus }) => [id ?? line, errorStatus]);
    expect(
      found
        .map((one) => JSON.stringify(one))
        .toSorted()
        .map((one) => JSON.parse(one)),
    ).toEqual([
      ["d1", "DeviceAlreadyExists"],
      ["d1", "PreconditionFailed"],
      ["d2", "ModuleNotFound"],
      [10, "ArgumentInvalid"],
      [11, "ArgumentInvalid"],
      [12, "ArgumentInvalid"],
    ]);
    const module = await app.hub.identities.get(owner, { deviceId: "d1", moduleId: "m1" });
    expect(module.body["managedBy"]).toBe("me");
    const tagged = { deviceId: "d3", moduleId: "m" };
    expect((await app.hub.twins.get(owner, tagged)).body["tags"]).toEqual({ n: 3 });
    expect((await app.hub.twins.get(owner, { deviceId: "d1" })).body["tags"]).toEqual({ n: 1 });
    expect((await app.hub.twins.get(owner, { deviceId: "d4" })).body).toMatchObject({
      properties: { desired: { x: 1 }, reported: { y: 2 } },
    });
  });

  it("go on in the next process where an earlier one has left them", async () => {
    const ids = Array.from({ length: 450 }, (_, n) => ({ id: `d${n}`, importMode: "create" }));
    await put("~registry/devices.txt", ids);
    const { jobId } = await app.hub.transfers.create(owner, {
      type: "import",
      inputBlobContainerUri: folder,
      outputBlobContainerUri: folder,
    });
    await vi.waitFor(
      async () => expect((await app.hub.identities.statistics(owner)).total).toBeGreaterThan(0),
      { interval: 1 },
    );
    app.halt();
    app = await over(app.store, app.clock);
    expect(await ended(jobId as string)).toMatchObject({ status: "completed" });
    expect((await app.hub.identities.statistics(owner)).total).toBe(450);
  });

  it("are refused where they could not work, and one at a time", async () => {
    const create = (body: JsonObject) => refusalOf(app.hub.transfers.create(owner, body));
    const invalid = "400008 BlobContainerValidationError";
    const to = (outputBlobContainerUri: string) => ({ type: "export", outputBlobContainerUri });
    for (const uri of [
      "https://elsewhere.example.com/uploads/~a",
      `https://${hostName}/uploads`,
      `https://${hostName}/uploads/device1`,
      `https://${hostName}/uploads/~a/b`,
      `http://${hostName}/uploads/~a`,
      "file:///etc",
      "nothing",
    ])
      expect(await create(to(uri))).toBe(invalid);
    expect(await create({ type: "export" })).toBe("400005 ArgumentNull");
    expect(await create({ ...to(folder), type: "import" })).toBe("400005 ArgumentNull");
    expect(await create({ ...to(folder), type: "move" })).toBe("400004 ArgumentInvalid");
    expect(await create({ ...to(folder), outputBlobName: "../x" })).toBe("400004 ArgumentInvalid");
    await app.hub.transfers.create(owner, to(folder));
    expect(await create(to(folder))).toBe("403003 JobQuotaExceeded");
    const [one] = await app.hub.transfers.list(owner);
    await ended(one?.["jobId"] as string);
    const missing = {
      type: "import",
      inputBlobContainerUri: `${folder}2`,
      outputBlobContainerUri: folder,
    };
    expect(await run(missing)).toMatchObject({
      status: "failed",
      failureReason: expect.stringContaining("no blob"),
    });
    expect(await refusalOf(app.hub.transfers.get(owner, "nobody"))).toBe("404002 JobNotFound");
  });

  it("need rights, and so do their files, which no device can reach", async () => {
    const service = { ...owner, rights: ["ServiceConnect"] as const };
    const refused = "401002 IotHubUnauthorizedAccess";
    expect(await refusalOf(app.hub.transfers.create(service, {}))).toBe(refused);
    expect(await refusalOf(app.hub.transfers.list(service))).toBe(refused);
    await exported();
    const open = (principal: typeof owner) =>
      app.hub.files.open({ kind: "principal", principal }, ["~registry/devices.txt"]);
    expect(() => open({ ...owner, rights: ["ServiceConnect"] })).toThrow("RegistryWrite");
    expect((await open(owner).properties()).size).toBe(0);
    expect(await refusalOf(app.create({ deviceId: "~registry" }))).toBe("400004 ArgumentInvalid");
  });
});

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return chunks;
}
