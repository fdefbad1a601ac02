import { describe, expect, it, vi } from "vitest";
import type { TakenMessage } from "../../app/messages/receive-cloud-to-device.ts";
import type { HubApi } from "../../app/hub.ts";
import { denied } from "../../app/principal.ts";
import { device, exampleKey, moduleOne, owner, startTestHub } from "./testing/test-hub.ts";
import type { TestHub } from "./testing/test-hub.ts";
import type { TestClient } from "./testing/client.ts";
import { parseSasToken } from "../../wire/sas-token.ts";

const filter = "devices/dev1/messages/devicebound/#";
const prefix = "devices/dev1/messages/devicebound/";
const address = "%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound";

/** What is left in the queue, for a device that asks over HTTPS; locks nothing for longer than the test. */
async function waiting(test: TestHub): Promise<readonly TakenMessage[]> {
  const { password } = test.credentials(device);
  const principal = await test.hub.auth.identity({
    key: device,
    credential: { kind: "sas", token: parseSasToken(String(password)) },
  });
  return test.hub.cloudToDevice.receive(principal, 50);
}

/** The records of the next batch of feedback, once it is due. */
async function feedback(test: TestHub): Promise<readonly { statusCode: string }[]> {
  // Whatever the device has done before has been worked on when this is answered.
  await test.hub.identities.get(owner, device);
  test.clock.advance(15_000);
  const message = await test.hub.serviceMessages.receive(owner, "feedback");
  return message === null ? [] : JSON.parse(Buffer.from(message.body).toString());
}

async function subscriber(test: TestHub, qos: 0 | 1 = 1): Promise<TestClient> {
  const client = await test.connect(device);
  await client.subscribeWith(qos, filter);
  return client;
}

async function bodies(client: TestClient, count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) found.push((await client.nextDelivery()).body);
  return found;
}

describe("a message to a device", () => {
  it("has the bytes of the worked example (spec/mqtt §16)", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    client.chunks.length = 0;
    await test.sendToDevice("hello", {
      system: { messageId: "m1", contentType: "text/plain", contentEncoding: "utf-8" },
      ack: "full",
      application: new Map([["key1", "v 1"]]),
    });
    await client.nextDelivery();
    const topic =
      "devices/dev1/messages/devicebound/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&%24.ct=text%2Fplain&%24.ce=utf-8&iothub-ack=full&key1=v%201";
    const expected = Buffer.concat([
      Buffer.from("32a301009a", "hex"),
      Buffer.from(topic),
      Buffer.from("0001", "hex"),
      Buffer.from("hello"),
    ]);
    expect(Buffer.concat(client.chunks)).toEqual(expected);
    expect(expected).toHaveLength(166);
  });

  it("tells of its expiry and its address as the sender chose them, and leaves values out that are none", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await test.sendToDevice("", {
      system: { to: "/devices/dev1/messages/devicebound", correlationId: "c", userId: "u" },
      expiryTime: test.clock.now() + 60_000,
      application: new Map([
        ["a", null],
        ["b", ""],
        ["ü", "ß/?#+"],
      ]),
    });
    expect(await client.nextDelivery()).toMatchObject({
      topic: `${prefix}%24.exp=2029-12-31T23%3A01%3A00.0000000Z&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&%24.cid=c&%24.uid=u&b=&%C3%BC=%C3%9F%2F%3F%23%2B`,
      body: "",
    });
  });

  it("waits for the first subscription, and then comes with all others in order (M8)", async () => {
    const test = await startTestHub();
    const client = await test.connect(device);
    for (const body of ["1", "2", "3"]) await test.sendToDevice(body);
    await client.subscribe("$iothub/twin/res/#");
    await client.ping();
    expect(client.waiting).toEqual([]);
    await client.subscribeWith(1, filter);
    expect(await bodies(client, 3)).toEqual(["1", "2", "3"]);
  });

  it("is completed by its PUBACK, and the sender hears of that", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await test.sendToDevice("a", { ack: "full", system: { messageId: "m" } });
    const delivered = await client.nextDelivery();
    expect(delivered).toMatchObject({
      topic: expect.stringContaining(address),
      qos: 1,
      dup: false,
    });
    await client.ping();
    expect(await feedback(test)).toEqual([]);
    client.acknowledge(delivered.id);
    await client.ping();
    expect(await feedback(test)).toMatchObject([{ statusCode: "Success", originalMessageId: "m" }]);
    client.end();
    await client.closed;
    expect(await waiting(test)).toEqual([]);
  });

  it("is one of at most ten that wait for a PUBACK, which may come in any order", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    for (let i = 1; i <= 14; i++) await test.sendToDevice(`${i}`);
    const first = [];
    while (first.length < 10) first.push(await client.nextDelivery());
    await client.ping();
    expect(client.waiting).toEqual([]);
    expect(first.map(({ body }) => body)).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}`));
    expect(new Set(first.map(({ id }) => id)).size).toBe(10);
    client.acknowledge(first[6]?.id);
    expect((await client.nextDelivery()).body).toBe("11");
    client.acknowledge(first[0]?.id);
    client.acknowledge(first[3]?.id);
    expect(await bodies(client, 2)).toEqual(["12", "13"]);
    await client.ping();
    expect(client.waiting).toEqual([]);
  });

  it("is completed when it is written if the subscription's QoS is 0", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, 0);
    for (let i = 1; i <= 25; i++) await test.sendToDevice(`${i}`, { ack: "full" });
    const expected = Array.from({ length: 25 }, (_, i) => `${i + 1}`);
    const found = [];
    while (found.length < 25) found.push(await client.nextDelivery());
    expect(found.map(({ body, qos, dup }) => [body, qos, dup])).toEqual(
      expected.map((body) => [body, 0, false]),
    );
    await vi.waitFor(async () => expect(await feedback(test)).toHaveLength(25));
    client.reset();
    await client.closed;
    expect(await waiting(test)).toEqual([]);
  });

  it("comes again after a reconnect if it was not acknowledged: same topic, DUP, delivery not counted (M8)", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await test.sendToDevice("done");
    await test.sendToDevice("open", { system: { messageId: "m" } });
    const [done, open] = [await client.nextDelivery(), await client.nextDelivery()];
    client.acknowledge(done.id);
    await client.ping();
    client.reset();
    await client.closed;
    await test.endings(device);
    await test.sendToDevice("new");
    const again = await test.connect(device);
    await again.subscribeWith(1, filter);
    const redelivered = await again.nextDelivery();
    expect(redelivered).toMatchObject({ topic: open.topic, body: "open", qos: 1, dup: true });
    expect(await again.nextDelivery()).toMatchObject({ body: "new", dup: false });
    again.end();
    await again.closed;
    const left = await waiting(test);
    expect(left.map(({ message }) => message.deliveryCount)).toEqual([0, 0]);
  });

  it("comes to the newer of two connections when it takes over", async () => {
    const test = await startTestHub({ limits: { storedHold: 0 } });
    const first = await subscriber(test);
    await test.sendToDevice("a");
    const { id } = await first.nextDelivery();
    const second = await test.connect(device);
    await first.closed;
    const delivered = await second.nextDelivery();
    expect(delivered).toMatchObject({ body: "a", dup: true });
    expect(id).toBe(1);
    second.acknowledge(delivered.id);
    await second.ping();
    second.end();
    await second.closed;
    expect(await waiting(test)).toEqual([]);
  });

  it("is new to a clean session, which gets it after it has subscribed", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await test.sendToDevice("a");
    await client.nextDelivery();
    client.reset();
    await client.closed;
    const clean = await test.connect(device, { clean: true });
    test.clock.advance(10_000);
    await clean.ping();
    expect(clean.waiting).toEqual([]);
    await clean.subscribeWith(1, filter);
    expect(await clean.nextDelivery()).toMatchObject({ body: "a", dup: false });
  });

  it("stays queued after UNSUBSCRIBE", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await client.unsubscribe(filter);
    await test.sendToDevice("a");
    await client.ping();
    expect(client.waiting).toEqual([]);
    await client.subscribeWith(1, filter);
    expect((await client.nextDelivery()).body).toBe("a");
  });

  it.each([
    ["#", 1],
    ["devices/+/messages/devicebound/#", 1],
    ["devices/dev1/messages/#", 1],
    ["devices/dev1/#", 1],
    ["devices/dev1/messages/devicebound/+", 1],
    ["devices/dev1/messages/devicebound", 0],
    ["devices/dev1/messages/events/#", 0],
    ["devices/dev2/messages/devicebound/#", 0],
    ["$iothub/#", 0],
  ])("is selected by %s: %i", async (topicFilter, count) => {
    const test = await startTestHub();
    const client = await test.connect(device);
    await client.subscribeWith(1, topicFilter);
    await test.sendToDevice("a");
    await vi.waitFor(async () => {
      await client.ping();
      expect(client.waiting).toHaveLength(count);
    });
  });

  it("comes once, with the highest QoS, to overlapping subscriptions", async () => {
    const test = await startTestHub();
    const client = await test.connect(device);
    await client.subscribe(filter);
    await client.subscribeWith(2, "devices/#");
    await client.subscribe("#");
    await test.sendToDevice("a");
    expect(await client.nextDelivery()).toMatchObject({ body: "a", qos: 1 });
    await client.ping();
    expect(client.waiting).toEqual([]);
  });

  it("is rejected if its properties do not fit into a topic, and the next one comes", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    const application = new Map([["a", "/".repeat(22_000)]]);
    await test.sendToDevice("too long", { application, ack: "negative" });
    await test.sendToDevice("next");
    expect((await client.nextDelivery()).body).toBe("next");
    expect(await feedback(test)).toMatchObject([{ statusCode: "Rejected" }]);
    expect(test.logged.map(({ message }) => message)).toContain(
      "a message was rejected: its properties do not fit into an MQTT topic",
    );
  });

  it("that dies while its PUBACK is awaited makes room, and the late PUBACK means nothing", async () => {
    const test = await startTestHub({ limits: { deliveries: 1 } });
    const client = await subscriber(test);
    await test.sendToDevice("short", { ack: "full", expiryTime: test.clock.now() + 10_000 });
    await test.sendToDevice("long", { ack: "full" });
    const { id } = await client.nextDelivery();
    expect(await feedback(test)).toMatchObject([]);
    client.acknowledge(id);
    client.acknowledge(77);
    expect((await client.nextDelivery()).body).toBe("long");
    expect(await feedback(test)).toMatchObject([{ statusCode: "Expired" }]);
  });

  it("that was fetched over HTTPS and not settled comes when its minute is over", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await client.unsubscribe(filter);
    await test.sendToDevice("a");
    expect(await waiting(test)).toHaveLength(1);
    await client.subscribeWith(1, filter);
    await client.ping();
    expect(client.waiting).toEqual([]);
    test.clock.advance(60_000);
    expect(await client.nextDelivery()).toMatchObject({ body: "a", dup: false });
  });

  it("counts as activity of the device when it is acknowledged", async () => {
    const test = await startTestHub();
    const client = await subscriber(test);
    await test.sendToDevice("a");
    const { id } = await client.nextDelivery();
    test.clock.advance(5_000);
    client.acknowledge(id);
    await vi.waitFor(async () => {
      const { body } = await test.hub.identities.get(owner, device);
      expect(body["lastActivityTime"]).toBe("2029-12-31T23:00:05.0000000Z");
    });
  });
});

describe("messages to the device of a stored session", () => {
  async function reconnected(storedHold: number): Promise<[TestHub, TestClient]> {
    const test = await startTestHub({ limits: { storedHold } });
    const client = await subscriber(test);
    client.send({ cmd: "disconnect" });
    await client.closed;
    await test.sendToDevice("a");
    return [test, await test.connect(device)];
  }

  it("are held back for two seconds, because some SDKs are not listening before", async () => {
    const [test, client] = await reconnected(2_000);
    test.clock.advance(1_999);
    await client.subscribe("$iothub/methods/POST/#", "$iothub/twin/res/#");
    await client.ping();
    expect(client.waiting).toEqual([]);
    test.clock.advance(1);
    expect(await client.nextDelivery()).toMatchObject({ body: "a", qos: 1, dup: false });
  });

  it("come as soon as the client subscribes again", async () => {
    const [, client] = await reconnected(2_000);
    await client.subscribeWith(1, filter);
    expect(await client.nextDelivery()).toMatchObject({ body: "a", qos: 1, dup: false });
  });

  it("come right after CONNACK if nothing is to be held back", async () => {
    const [, client] = await reconnected(0);
    expect(await client.nextDelivery()).toMatchObject({ body: "a", qos: 1, dup: false });
  });

  it("do not keep a timer when the connection ends before", async () => {
    const [test, client] = await reconnected(2_000);
    const before = test.clock.pending;
    client.send({ cmd: "disconnect" });
    await client.closed;
    await test.endings(device);
    // The connection's own timer and the one that holds messages back.
    await vi.waitFor(() => expect(test.clock.pending).toBe(before - 2));
  });
});

describe("a client that is slow to read", () => {
  it("gets its messages as it takes them, and keeps its connection", async () => {
    const test = await startTestHub({ limits: { outputBytes: 250_000, deliveryBacklog: 100_000 } });
    const client = await subscriber(test);
    client.stopReading();
    for (let i = 0; i < 10; i++) await test.sendToDevice(Buffer.alloc(60_000, 65 + i));
    expect(client.serverEnd.destroyed).toBe(false);
    client.startReading();
    const found = await bodies(client, 10);
    expect(found.map((body) => body[0]).join("")).toBe("ABCDEFGHIJ");
  });

  it("gets no more than what the backlog allows, however many it has acknowledged", async () => {
    const test = await startTestHub({ limits: { outputBytes: 250_000, deliveryBacklog: 100_000 } });
    const client = await subscriber(test, 0);
    client.stopReading();
    for (let i = 0; i < 20; i++) await test.sendToDevice(Buffer.alloc(60_000, 65 + i));
    expect(client.serverEnd.destroyed).toBe(false);
    expect(client.serverEnd.writableLength).toBeLessThan(250_000);
    client.startReading();
    const found = await bodies(client, 20);
    expect(found.map((body) => body[0]).join("")).toBe("ABCDEFGHIJKLMNOPQRST");
  });
});

describe("a module", () => {
  it("gets none, whatever it subscribes to: not its device's, not of its own", async () => {
    const test = await startTestHub();
    const client = await test.connect(moduleOne);
    const granted = await client.subscribeWith(
      1,
      "devices/dev1/modules/mod1/messages/devicebound/#",
      "devices/dev1/modules/mod1/inputs/#",
      "devices/dev1/modules/mod1/#",
      filter,
      "#",
    );
    expect(granted).toEqual([1, 1, 1, 1, 1]);
    await test.sendToDevice("a");
    test.clock.advance(10_000);
    await client.ping();
    expect(client.waiting).toEqual([]);
    expect(await waiting(test)).toHaveLength(1);
  });
});

describe("when the hub fails", () => {
  function failing(member: "receive" | "settle", error: Error) {
    return (hub: HubApi): HubApi => ({
      ...hub,
      cloudToDevice: { ...hub.cloudToDevice, [member]: () => Promise.reject(error) },
    });
  }

  it("to complete a message, the connection ends, so that it comes again", async () => {
    const test = await startTestHub({ wrap: failing("settle", new Error("disk full")) });
    const client = await subscriber(test);
    await test.sendToDevice("a");
    client.acknowledge((await client.nextDelivery()).id);
    await client.closed;
    expect(await test.endings(device)).toEqual(["hubError"]);
    expect(test.logged.some(({ level }) => level === "error")).toBe(true);
    expect(await waiting(test)).toHaveLength(1);
  });

  it("because the device is gone, the connection ends without a bug in the log", async () => {
    const test = await startTestHub({ wrap: failing("receive", denied("gone")) });
    const client = await test.connect(device);
    client.send({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [{ topic: filter, qos: 1 }],
    });
    await client.closed;
    expect(await test.endings(device)).toEqual(["credentialsChanged"]);
    expect(test.logged.filter(({ level }) => level === "error")).toEqual([]);
    expect(JSON.stringify(test.logged)).not.toContain(exampleKey);
  });
});
