import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { type NewCloudToDevice, maxCloudToDeviceSize } from "../../domain/messages/c2d-queue.ts";
import { noPrecondition } from "../../domain/identity/etag.ts";
import { AppHub, owner, refusalOf, storeKinds } from "../../../test/support/app-hub.ts";
import type { IdentityPrincipal } from "../principal.ts";

const device = { deviceId: "d1" };
const module: IdentityKey = { deviceId: "d1", moduleId: "m1" };
const minute = 60_000;

interface FeedbackView {
  readonly originalMessageId: string;
  readonly statusCode: string;
  readonly description: string;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
}

describe.each(storeKinds)("On the %s store, a message to a device", (kind) => {
  let app: AppHub;
  let secret: string;
  let self: IdentityPrincipal;
  beforeEach(async () => {
    app = await AppHub.start(kind);
    secret = (await app.create(device)).primary;
    self = await app.prove(device, secret);
  });
  afterEach(() => app.stop());

  function send(id: string, changes: Partial<NewCloudToDevice> = {}): Promise<void> {
    return app.hub.cloudToDevice.send(owner, "d1", {
      body: Buffer.from(id),
      system: { messageId: id },
      application: new Map(),
      ack: "none",
      ...changes,
    });
  }

  const receive = (limit = 50, holder?: string) =>
    app.hub.cloudToDevice.receive(self, limit, holder);
  const settle = (token: string, how: "complete" | "abandon" | "reject") =>
    app.hub.cloudToDevice.settle(self, token, how);

  async function take(): Promise<string> {
    const [taken] = await receive(1);
    if (taken === undefined) throw new Error("There is no message");
    return taken.lockToken;
  }

  /** The records of the next batch of feedback; time moves on until it is due. */
  async function feedback(): Promise<readonly FeedbackView[]> {
    app.clock.advance(15_000);
    const message = await app.hub.serviceMessages.receive(owner, "feedback");
    if (message === null) return [];
    await app.hub.serviceMessages.settle(owner, "feedback", message.lockToken, "complete");
    return JSON.parse(Buffer.from(message.body).toString());
  }

  const codes = async () =>
    (await feedback()).map(({ originalMessageId, statusCode }) => [originalMessageId, statusCode]);

  it("C01 is the last one if 50 wait, locked ones included", async () => {
    for (let i = 0; i < 50; i++) await send(`${i}`);
    await take();
    expect(await refusalOf(send("51"))).toBe("403004 DeviceMaximumQueueDepthExceeded");
    await settle(await take(), "complete");
    await send("51");
  });

  it("C02 is free again when its lock is over, not counted, and then cannot be completed", async () => {
    await send("a");
    const token = await take();
    app.clock.advance(minute - 1000);
    expect(await receive()).toEqual([]);
    app.clock.advance(1001);
    expect(await refusalOf(settle(token, "complete"))).toBe("412002 DeviceMessageLockLost");
    const [again] = await receive();
    expect(again).toMatchObject({ message: { deliveryCount: 0 }, redelivered: false });
    expect(await refusalOf(settle(token, "complete"))).toBe("412002 DeviceMessageLockLost");
    await settle(again?.lockToken ?? "", "complete");
    expect(await refusalOf(settle(again?.lockToken ?? "", "complete"))).toBe(
      "412002 DeviceMessageLockLost",
    );
  });

  it("C03 dies when it has been abandoned ten times", async () => {
    await send("a", { ack: "full" });
    for (let i = 0; i < 9; i++) {
      await settle(await take(), "abandon");
      const [peeked] = await receive();
      expect(peeked?.message.deliveryCount).toBe(i + 1);
      await app.hub.cloudToDevice.release(self, [peeked?.lockToken ?? ""]);
    }
    await settle(await take(), "abandon");
    expect(await receive()).toEqual([]);
    expect(await codes()).toEqual([["a", "DeliveryCountExceeded"]]);
  });

  it("C04 dies at its time although nobody fetches it", async () => {
    await send("a", { ack: "negative", expiryTime: app.clock.now() + 1000 });
    await send("b", { ack: "negative" });
    app.clock.advance(1001);
    await vi.waitFor(async () => expect(await codes()).toEqual([["a", "Expired"]]));
    app.clock.advance(60 * minute);
    await vi.waitFor(async () => expect(await codes()).toEqual([["b", "Expired"]]));
  });

  it("C05 is told of as its sender has asked, and otherwise not at all", async () => {
    const ends = [
      ["none", "complete"],
      ["none", "reject"],
      ["positive", "complete"],
      ["positive", "reject"],
      ["negative", "complete"],
      ["negative", "reject"],
      ["full", "complete"],
      ["full", "reject"],
    ] as const;
    for (const [ack, how] of ends) {
      await send(`${ack} ${how}`, { ack });
      await settle(await take(), how);
    }
    const found = await feedback();
    expect(found.map((record) => [record.originalMessageId, record.statusCode])).toEqual([
      ["positive complete", "Success"],
      ["negative reject", "Rejected"],
      ["full complete", "Success"],
      ["full reject", "Rejected"],
    ]);
    const { generationId } = (await app.hub.identities.get(owner, device)).body;
    expect(found[0]).toMatchObject({
      description: "Success",
      deviceId: "d1",
      deviceGenerationId: generationId,
    });
  });

  it("C06 is gone when the queue is emptied, also when it was locked", async () => {
    for (const id of ["a", "b", "c"]) await send(id, { ack: "negative" });
    const token = await take();
    expect(await app.hub.cloudToDevice.purge(owner, "d1")).toBe(3);
    expect(await app.hub.cloudToDevice.purge(owner, "d1")).toBe(0);
    expect(await refusalOf(settle(token, "complete"))).toBe("412002 DeviceMessageLockLost");
    expect(await codes()).toEqual([
      ["a", "Purged"],
      ["b", "Purged"],
      ["c", "Purged"],
    ]);
  });

  it("C07 shares a message of feedback with 63 others, which does not wait", async () => {
    for (let i = 0; i < 65; i++) {
      await send(`${i}`, { ack: "full" });
      await settle(await take(), "complete");
    }
    const message = await app.hub.serviceMessages.receive(owner, "feedback");
    const records = JSON.parse(Buffer.from(message?.body ?? "[]").toString());
    expect(records).toHaveLength(64);
    expect(await app.hub.serviceMessages.receive(owner, "feedback")).toBeNull();
    expect(await codes()).toEqual([["64", "Success"]]);
  });

  it("is taken in order, as many at a time as there are", async () => {
    for (const id of ["a", "b", "c"]) await send(id);
    const taken = [...(await receive(2)), ...(await receive(2)), ...(await receive(2))];
    expect(taken.map(({ message }) => message.system.messageId)).toEqual(["a", "b", "c"]);
    const [first, second] = taken;
    await app.hub.cloudToDevice.release(self, [second?.lockToken ?? "", first?.lockToken ?? ""]);
    const again = await receive();
    expect(again.map(({ message }) => message.system.messageId)).toEqual(["a", "b"]);
    expect(await app.hub.cloudToDevice.receive(self, 0)).toEqual([]);
  });

  it("is refused if it is too large, has expired or goes to nobody", async () => {
    const body = Buffer.alloc(maxCloudToDeviceSize - 4);
    await send("four", { body });
    expect(await refusalOf(send("five!", { body }))).toBe("413001 MessageTooLarge");
    const expired = "403009 InvalidMessageExpiryTime";
    expect(await refusalOf(send("a", { expiryTime: app.clock.now() }))).toBe(expired);
    expect(await refusalOf(send("a", { expiryTime: 8.64e15 }))).toBe(expired);
    const message = { body, system: {}, application: new Map(), ack: "none" } as const;
    expect(await refusalOf(app.hub.cloudToDevice.send(owner, "nobody", message))).toBe(
      "404001 DeviceNotFound",
    );
    expect(await refusalOf(app.hub.cloudToDevice.send(self, "d1", message))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
  });

  it("names the expiry that its sender chose, and no other", async () => {
    await send("a", { expiryTime: 253_402_300_799_999 });
    await send("b");
    const [a, b] = await receive();
    expect(a?.message.system.expiryTimeUtc).toBe("9999-12-31T23:59:59.9990000Z");
    expect(b?.message.system.expiryTimeUtc).toBeUndefined();
  });

  it("waits while the device is disabled, and goes with the device and its feedback", async () => {
    await app.setStatus("d1", "disabled");
    await send("a", { ack: "full" });
    await send("b", { ack: "full" });
    await app.setStatus("d1", "enabled");
    await settle(await take(), "complete");
    await app.hub.identities.delete(owner, device, noPrecondition);
    app.clock.advance(120 * minute);
    expect(await feedback()).toEqual([]);
    secret = (await app.create(device)).primary;
    expect(await refusalOf(receive())).toBe("401002 IotHubUnauthorizedAccess");
    self = await app.prove(device, secret);
    expect(await receive()).toEqual([]);
  });

  describe("that a connection has taken", () => {
    it("stays its own beyond the minute, and is free when it ends", async () => {
      const { open } = await app.connect(device, secret);
      await send("a");
      const [taken] = await receive(1, open.id);
      app.clock.advance(10 * minute);
      expect(await receive()).toEqual([]);
      open.ended("networkLost");
      const [again] = await receive();
      expect(again).toMatchObject({ redelivered: true, message: { deliveryCount: 0 } });
      expect(taken?.redelivered).toBe(false);
    });

    it("is free for the connection that takes its place; the older one gets nothing more", async () => {
      const older = await app.connect(device, secret);
      await send("a");
      await send("b");
      await receive(1, older.open.id);
      const newer = await app.connect(device, secret);
      expect(await receive(50, older.open.id)).toEqual([]);
      const taken = await receive(50, newer.open.id);
      expect(
        taken.map(({ message, redelivered }) => [message.system.messageId, redelivered]),
      ).toEqual([
        ["a", true],
        ["b", false],
      ]);
    });

    it("can be completed when the minute is long over", async () => {
      const { open } = await app.connect(device, secret);
      await send("a", { ack: "full" });
      const [taken] = await receive(1, open.id);
      app.clock.advance(59 * minute);
      await settle(taken?.lockToken ?? "", "complete");
      expect(await codes()).toEqual([["a", "Success"]]);
    });
  });

  it("is told to the live connection: when it is sent, given back, abandoned, or free again", async () => {
    const { link } = await app.connect(device, secret);
    const told = (count: number) => vi.waitFor(() => expect(link.waiting).toBe(count));
    await send("a");
    await told(1);
    await app.hub.cloudToDevice.release(self, [await take()]);
    await told(2);
    await settle(await take(), "abandon");
    await told(3);
    await take();
    app.clock.advance(minute);
    await told(4);
    await settle(await take(), "complete");
    app.clock.advance(2 * minute);
    expect(link.waiting).toBe(4);
  });

  it("is not for its modules, who neither get nor settle it", async () => {
    const keys = await app.create(module);
    const sibling = await app.connect(module, keys.primary);
    await send("a");
    const { cloudToDevice } = app.hub;
    expect(await cloudToDevice.receive(sibling.principal, 10, sibling.open.id)).toEqual([]);
    expect(sibling.link.waiting).toBe(0);
    const token = await take();
    expect(await refusalOf(cloudToDevice.settle(sibling.principal, token, "complete"))).toBe(
      "412002 DeviceMessageLockLost",
    );
    await cloudToDevice.release(sibling.principal, [token]);
    expect(await receive()).toEqual([]);
    await settle(token, "complete");
  });
});
