import { Readable } from "node:stream";
import device from "azure-iot-device";
import type { Message as DeviceMessage } from "azure-iot-device";
import iothub from "azure-iothub";
import type { Client as ServiceClient } from "azure-iothub";
import common from "azure-iot-common";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { Inbox, type Json, type Subject, noRetry, openClient, register } from "./support.ts";
import { trustTls } from "./trust-tls.ts";

const transports = { amqp: iothub.Amqp, "amqp-ws": iothub.AmqpWs } as const;
const overAmqp = ["amqp", "amqp-ws"] as const;
type Transport = (typeof overAmqp)[number];

const hub = await hubOfFile();
let services: ServiceClient[] = [];

beforeAll(async () => {
  trustTls(hub);
});
afterEach(async () => {
  const open = services;
  services = [];
  await Promise.all(open.map((service) => service.close().catch(() => undefined)));
});

function unopened(transport: Transport, policy = "service"): ServiceClient {
  const text = hub.connectionStrings[policy] ?? "";
  const service = iothub.Client.fromConnectionString(text, transports[transport]);
  service.setRetryPolicy(noRetry);
  services.push(service);
  return service;
}

async function open(transport: Transport, policy?: string): Promise<ServiceClient> {
  const service = unopened(transport, policy);
  await service.open();
  return service;
}

function message(text: string, more: Partial<common.Message> = {}): common.Message {
  return Object.assign(new common.Message(text), more);
}

/** What comes to the device from now on. */
async function listen(subject: Subject): Promise<{ inbox: Inbox<DeviceMessage> }> {
  const client = await openClient(hub, subject, { protocol: "amqp" });
  if (!(client instanceof device.Client)) throw new Error("not a device");
  const inbox = new Inbox<DeviceMessage>();
  client.on("message", (received: DeviceMessage) => {
    inbox.add(received);
    void client.complete(received);
  });
  return { inbox };
}

interface Receiver {
  on(event: "message", listener: (message: common.Message) => void): void;
  complete(message: common.Message): Promise<unknown>;
  abandon(message: common.Message): Promise<unknown>;
}

/** What the SDK hands out, whose type says less than it does. */
async function receiverOf(result: Promise<{ result: unknown }>): Promise<Receiver> {
  return (await result).result as Receiver;
}

/** Records of feedback, whatever their batches. */
async function recordsOf(service: ServiceClient): Promise<Inbox<Json>> {
  const records = new Inbox<Json>();
  const receiver = await receiverOf(service.getFeedbackReceiver());
  receiver.on("message", (batch) => {
    for (const record of JSON.parse(batch.data.toString()) as Json[]) records.add(record);
  });
  return records;
}

describe.each(overAmqp)("a service over %s", (transport) => {
  it("sends a message with its properties to a device", async () => {
    const subject = await register(hub, "device");
    const { inbox } = await listen(subject);
    const service = await open(transport);
    const sent = message("hello", {
      messageId: "m1",
      correlationId: "c1",
      contentType: "application/json",
      contentEncoding: "utf-8",
      userId: "u1",
    });
    sent.properties.add("level", "high");
    await service.send(subject.deviceId, sent);
    const received = await inbox.next();
    expect(received).toMatchObject({
      messageId: "m1",
      correlationId: "c1",
      contentType: "application/json",
      contentEncoding: "utf-8",
    });
    expect(received.data.toString()).toBe("hello");
    expect(received.properties.getValue("level")).toBe("high");
  });

  it("sends many, in order, and large ones", async () => {
    const subject = await register(hub, "device");
    const { inbox } = await listen(subject);
    const service = await open(transport);
    const texts = Array.from({ length: 40 }, (_, index) => `n${index}`);
    for (const text of texts) await service.send(subject.deviceId, text);
    const large = "x".repeat(65_000);
    await service.send(subject.deviceId, large);
    for (const text of [...texts, large]) expect((await inbox.next()).data.toString()).toBe(text);
    await expect(service.send(subject.deviceId, "x".repeat(65_537))).rejects.toMatchObject({
      name: "MessageTooLargeError",
    });
    await service.send(subject.deviceId, "still here");
    expect((await inbox.next()).data.toString()).toBe("still here");
  });

  it("learns that a device is unknown or that its queue is full, and can go on", async () => {
    const subject = await register(hub, "device");
    const service = await open(transport);
    await expect(service.send("nobody", "hello")).rejects.toMatchObject({
      name: "DeviceNotFoundError",
    });
    for (let index = 0; index < 50; index++) await service.send(subject.deviceId, "wait");
    await expect(service.send(subject.deviceId, "51st")).rejects.toMatchObject({
      name: "DeviceMaximumQueueDepthExceededError",
    });
  });

  it("hears how its messages ended", async () => {
    const subject = await register(hub, "device");
    const service = await open(transport);
    const records = await recordsOf(service);
    const { inbox } = await listen(subject);
    await service.send(subject.deviceId, message("taken", { messageId: "m1", ack: "full" }));
    await inbox.next();
    await expect
      .poll(async () => (await hub.call("GET", `/devices/${subject.deviceId}`)).body)
      .toMatchObject({ cloudToDeviceMessageCount: 0 });
    hub.clock.advance(15_000);
    expect(await records.next()).toMatchObject({
      originalMessageId: "m1",
      description: "Success",
      statusCode: "Success",
      deviceId: subject.deviceId,
    });
  });

  it("hears of messages that expired, and of nothing that it did not ask for", async () => {
    const subject = await register(hub, "device");
    const service = await open(transport);
    const records = await recordsOf(service);
    // The SDK cannot send a Date; its type does not know of numbers.
    const soon = (hub.clock.now() + 60_000) as unknown as Date;
    const late = message("late", { messageId: "late", ack: "negative", expiryTimeUtc: soon });
    await service.send(subject.deviceId, message("x", { messageId: "x", expiryTimeUtc: soon }));
    await service.send(subject.deviceId, late);
    hub.clock.advance(60_001);
    await expect
      .poll(async () => (await hub.call("GET", `/devices/${subject.deviceId}`)).body)
      .toMatchObject({ cloudToDeviceMessageCount: 0 });
    hub.clock.advance(15_000);
    expect(await records.next()).toMatchObject({
      originalMessageId: "late",
      statusCode: "Expired",
    });
    const past = (hub.clock.now() - 1000) as unknown as Date;
    await expect(
      service.send(subject.deviceId, message("past", { expiryTimeUtc: past })),
    ).rejects.toMatchObject({ name: "ArgumentError" });
  });

  it("hears of files that devices have uploaded", async () => {
    const subject = await register(hub, "device");
    const service = await open(transport);
    const receiver = await receiverOf(service.getFileNotificationReceiver());
    const notified = new Inbox<Json>();
    receiver.on("message", (notification) => {
      notified.add(JSON.parse(notification.data.toString()) as Json);
    });
    const client = await openClient(hub, subject);
    if (!(client instanceof device.Client)) throw new Error("not a device");
    await client.uploadToBlob("day.txt", Readable.from([Buffer.from("all is well")]), 11);
    expect(await notified.next()).toMatchObject({
      deviceId: subject.deviceId,
      blobName: `${subject.deviceId}/day.txt`,
      blobSizeInBytes: 11,
    });
  });

  it.each(["device", "registryReadWrite"])("needs more than the policy %s", async (policy) => {
    const subject = await register(hub, "device");
    const service = unopened(transport, policy);
    const sent = service.open().then(() => service.send(subject.deviceId, "hello"));
    await expect(sent).rejects.toMatchObject({ name: "UnauthorizedError" });
  });
});
