import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../../src/app/ports.ts";
import type { IdentityPrincipal } from "../../src/app/principal.ts";
import { noPrecondition } from "../../src/domain/identity/etag.ts";
import { createMemoryBlobStore } from "../../src/stores/blobs/memory.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { AppHub, hostName, openStore, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

describe.each(storeKinds)("file upload on the %s store", (kind) => {
  let app: AppHub;
  let blobs: BlobStore;
  let discardedBefore = 0;
  let device: IdentityPrincipal;
  let more: Parameters<typeof AppHub.over>[2];

  beforeEach(async () => {
    const clock = new MovableClock();
    const memory = createMemoryBlobStore({ clock });
    blobs = {
      ...memory,
      async discardBlocks(time) {
        await memory.discardBlocks(time);
        discardedBefore = time;
      },
    };
    more = { fileStorage: { kind: "own", blobs, address: () => `${hostName}:8443` } };
    app = await AppHub.over(await openStore(kind, clock), clock, more);
    device = await app.prove({ deviceId: "d1" }, (await app.create({ deviceId: "d1" })).primary);
  });
  afterEach(async () => {
    app.halt();
    await app.stop();
  });

  const begin = (name = "f.txt") => app.hub.files.start(device, name, "hub.test:8443");
  const finish = (correlationId: string, isSuccess = true) =>
    app.hub.files.finish(device, { correlationId, isSuccess });

  async function upload(name: string, text: string): Promise<void> {
    async function* content() {
      yield Buffer.from(text);
    }
    const describe = () => ({ contentType: "text/plain", metadata: {} });
    await blobs.putBlob(`d1/${name}`, content(), describe, () => {});
  }

  async function notification(): Promise<unknown> {
    const message = await app.hub.serviceMessages.receive(owner, "fileNotifications");
    return message === null ? null : JSON.parse(Buffer.from(message.body).toString());
  }

  it("tells services of a file that has come, once, with its size and address", async () => {
    let told = 0;
    app.hub.serviceMessages.onWaiting(() => told++);
    const { correlationId, blobName } = await begin("día/f 1.txt");
    await upload("día/f 1.txt", "content");
    await finish(correlationId);
    expect(told).toBeGreaterThan(0);
    expect(await notification()).toEqual({
      deviceId: "d1",
      blobName,
      blobUri: `https://${hostName}:8443/uploads/d1/d%C3%ADa/f%201.txt`,
      blobSizeInBytes: 7,
      lastUpdatedTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
      enqueuedTimeUtc: expect.stringMatching(/\.\d{7}Z$/),
    });
    expect(await notification()).toBeNull();
    expect(await refusalOf(finish(correlationId))).toBe("400015 InvalidFileUploadCorrelationId");
  });

  it("keeps quiet about an upload that failed, or if it is told to", async () => {
    await finish((await begin()).correlationId, false);
    expect(await notification()).toBeNull();
  });

  it("keeps an upload open whose file is reported and not there", async () => {
    const { correlationId } = await begin();
    expect(await refusalOf(finish(correlationId))).toBe("400020 InvalidStorageEndpointOrBlob");
    await upload("f.txt", "late");
    await finish(correlationId);
    expect(await notification()).toMatchObject({ blobSizeInBytes: 4 });
  });

  it("ends an upload once, though it is reported twice at the same time", async () => {
    const { correlationId } = await begin();
    await upload("f.txt", "x");
    const both = await Promise.allSettled([finish(correlationId), finish(correlationId)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await notification()).not.toBeNull();
    expect(await notification()).toBeNull();
  });

  it("has room for ten uploads of a device, however they are begun", async () => {
    const begun = await Promise.allSettled(Array.from({ length: 15 }, () => begin()));
    expect(begun.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    expect(await refusalOf(begin())).toBe("403006 DeviceMaximumActiveFileUploadLimitExceeded");
    const other = await app.prove(
      { deviceId: "d2" },
      (await app.create({ deviceId: "d2" })).primary,
    );
    await app.hub.files.start(other, "f", "h");
  });

  it("forgets uploads after an hour, and the blocks that were left of them", async () => {
    const { correlationId } = await begin();
    async function* content() {
      yield Buffer.from("left");
    }
    await blobs.putBlock("d1/f.txt", Buffer.from("1"), content());
    const left = app.clock.now();
    for (let index = 1; index < 10; index++) await begin();
    app.clock.advance(3_600_000);
    expect(await refusalOf(finish(correlationId))).toBe("400016 ExpiredFileUploadCorrelationId");
    await begin();
    app.clock.advance(7_200_000);
    const commit = () =>
      blobs.commit(
        "d1/f.txt",
        [{ from: "latest", id: "MQ==" }],
        { contentType: "a/b", metadata: {} },
        () => {},
      );
    await expect
      .poll(() => {
        app.clock.advance(60_000);
        return discardedBefore;
      })
      .toBeGreaterThan(left);
    await expect(commit()).rejects.toMatchObject({ name: "InvalidBlockList" });
    expect(await app.store.transaction(null, (tx) => tx.documents("uploads"))).toEqual([]);
    const waiting = await app.store.transaction(null, (tx) => tx.queueLength("uploads/expiring"));
    expect(waiting).toBe(0);
  });

  it("leaves nothing of the uploads of a deleted device", async () => {
    const { correlationId } = await begin();
    await begin("g.txt");
    await app.hub.identities.delete(owner, { deviceId: "d1" }, noPrecondition);
    expect(await refusalOf(begin())).toBe("404001 DeviceNotFound");
    expect(await refusalOf(finish(correlationId))).toBe("400015 InvalidFileUploadCorrelationId");
    const left = await app.store.transaction(null, (tx) => [
      tx.documents("uploads").length,
      tx.queueLength("uploads/expiring"),
    ]);
    expect(left).toEqual([0, 0]);
  });

  it("goes on after a restart: uploads, and signatures", async () => {
    const { correlationId, sasToken } = await begin();
    app.halt();
    app = await AppHub.over(app.store, app.clock, more);
    const query = new URLSearchParams(sasToken);
    const field = (name: string): string => query.get(name) ?? "";
    const signature = {
      sv: field("sv"),
      sr: field("sr"),
      sp: field("sp"),
      se: field("se"),
      sig: field("sig"),
      spr: field("spr"),
    };
    const blob = app.hub.files.open({ kind: "signature", signature }, ["d1/f.txt"]);
    async function* content() {
      yield Buffer.from("after");
    }
    const description = { contentType: "a/b", metadata: {} };
    await blob.put({ length: 5, bytes: content() }, description, () => {});
    await finish(correlationId);
    expect(await notification()).toMatchObject({ blobSizeInBytes: 5 });
  });

  it("is not for modules", async () => {
    const key = { deviceId: "d1", moduleId: "m1" };
    const module = await app.prove(key, (await app.create(key)).primary);
    expect(await refusalOf(app.hub.files.start(module, "f", "h"))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
    const report = { correlationId: (await begin()).correlationId, isSuccess: false };
    expect(await refusalOf(app.hub.files.finish(module, report))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
  });
});

it("file upload that is turned off is told as a storage that is not configured", async () => {
  const app = await AppHub.start();
  const device = await app.prove(
    { deviceId: "d1" },
    (await app.create({ deviceId: "d1" })).primary,
  );
  const off = "400014 DefaultStorageEndpointNotConfigured";
  expect(await refusalOf(app.hub.files.start(device, "f", "h"))).toBe(off);
  expect(
    await refusalOf(app.hub.files.finish(device, { correlationId: "x", isSuccess: true })),
  ).toBe(off);
  app.halt();
  await app.stop();
});
