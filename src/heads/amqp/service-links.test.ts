import type { Message, Receiver, Sender } from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../domain/json.ts";
import { createSasToken, parseSasToken } from "../../wire/sas-token.ts";
import {
  AmqpClient,
  messages,
  nextMessage,
  once,
  outcomeOf,
  send,
  textOf,
} from "./testing/client.ts";
import {
  type TestHub,
  both,
  device,
  hostName,
  moduleOne,
  owner,
  pathOf,
  startTestHub,
} from "./testing/test-hub.ts";

const commands = "/messages/devicebound";
const feedback = "/messages/serviceBound/feedback";

let test: TestHub;
beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

/** A policy's token for the whole hub, or for `resource`. */
async function tokenOf(policy: string, resource = hostName, seconds = 3600): Promise<string> {
  const { primaryKey } = await test.hub.policies.get(owner, policy);
  const expiry = Math.floor(test.clock.now() / 1000) + seconds;
  return createSasToken({ resource, key: primaryKey, expiry, policy });
}

async function serviceClient(policy = "service"): Promise<AmqpClient> {
  const client = await test.open();
  expect(await client.putToken(await tokenOf(policy))).toMatchObject({ status: 200 });
  return client;
}

function to(key: { deviceId: string }): Partial<Message> {
  return { to: `/devices/${encodeURIComponent(key.deviceId)}/messages/devicebound` };
}

describe("SASL PLAIN of a service", () => {
  it.each(["iothubowner@sas.root.hub", "iothubowner@sas.root.hub.example.com:5671"])(
    "proves %s without put-token",
    async (username) => {
      const password = await tokenOf("iothubowner");
      const client = await AmqpClient.open(test.stream(), { username, password });
      const sender = await client.sender(commands);
      expect(await send(sender, "hello", to(device))).toBe("accepted");
    },
  );

  it.each([
    ["another policy than the token's", "service@sas.root.hub", "iothubowner", 3600],
    ["another hub", "iothubowner@sas.root.other", "iothubowner", 3600],
    ["a token that has expired", "iothubowner@sas.root.hub", "iothubowner", -3600],
  ])("refuses %s", async (_, username, policy, seconds) => {
    const password = await tokenOf(policy, hostName, seconds);
    await expect(AmqpClient.open(test.stream(), { username, password })).rejects.toThrow(/./);
  });
});

describe("what a service may", () => {
  it.each(["device", "registryRead", "registryReadWrite"])(
    "is nothing with the policy %s, and its connection goes on",
    async (policy) => {
      const client = await serviceClient(policy);
      const refusal = { condition: "amqp:unauthorized-access" };
      await expect(client.sender(commands)).rejects.toMatchObject(refusal);
      await expect(client.receiver(feedback)).rejects.toMatchObject(refusal);
      expect(await client.putToken(await tokenOf("service"))).toMatchObject({ status: 200 });
      expect(await send(await client.sender(commands), "hello", to(device))).toBe("accepted");
    },
  );

  it.each(both)("is not allowed to a %s", async (_, key) => {
    const client = await test.connect(key);
    await expect(client.sender(commands)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    await client.sender(`${pathOf(key)}/messages/events`);
  });

  it.each(both)("is not to speak for a %s", async (_, key) => {
    const client = await serviceClient();
    await expect(client.sender(`${pathOf(key)}/messages/events`)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    await client.sender(commands);
  });

  it("is what the token's audience covers", async () => {
    const client = await test.open();
    await client.putToken(await tokenOf("service", `${hostName}/messages/servicebound`));
    await client.receiver(feedback);
    await expect(client.sender(commands)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
  });

  it("ends when the token has expired, unless it was renewed", async () => {
    await test.head.stop();
    test = await startTestHub({ limits: { linger: 50, expiryGrace: 1000 } });
    const client = await test.open();
    await client.putToken(await tokenOf("service", `${hostName}/messages/devicebound`, 60));
    await client.putToken(await tokenOf("service", `${hostName}/messages/servicebound`, 60));
    const sender = await client.sender(commands);
    const receiver = await client.receiver(feedback);
    await client.putToken(await tokenOf("service", `${hostName}/messages/servicebound`, 7200));
    const ended = once(sender, "sender_close");
    test.clock.advance(62_000);
    await ended;
    expect(sender.error).toMatchObject({ condition: "amqp:unauthorized-access" });
    expect(receiver.is_open()).toBe(true);
  });

  it("ends when its policy gets new keys, and that of others does not", async () => {
    const one = await serviceClient("service");
    const other = await serviceClient("iothubowner");
    const [ofOne, ofOther] = [await one.receiver(feedback), await other.sender(commands)];
    const ended = once(ofOne, "receiver_close");
    await test.hub.policies.regenerateKey(owner, "service", "secondaryKey");
    await test.hub.policies.regenerateKey(owner, "service", "primaryKey");
    await ended;
    expect(ofOne.error).toMatchObject({ condition: "amqp:unauthorized-access" });
    expect(await send(ofOther, "hello", to(device))).toBe("accepted");
  });
});

describe("messages to devices", () => {
  let sender: Sender;
  beforeEach(async () => {
    sender = await (await serviceClient()).sender(commands);
  });

  async function taken(): Promise<{ body: string; ack: string }[]> {
    const principal = await test.hub.auth.identity({
      key: device,
      credential: {
        kind: "sas",
        token: parseSasToken(test.token(device)),
      },
    });
    const all = await test.hub.cloudToDevice.receive(principal, 50);
    return all.map(({ body, message }) => ({
      body: Buffer.from(body).toString(),
      ack: message.ack,
    }));
  }

  it("need a device that is there", async () => {
    const wrong: [string | undefined, string][] = [
      [undefined, "com.microsoft:argument-error"],
      ["", "com.microsoft:argument-error"],
      ["nonsense", "com.microsoft:argument-error"],
      [`${pathOf(device)}/twin`, "com.microsoft:argument-error"],
      ["/devices/nobody/messages/devicebound", "amqp:not-found"],
      [`${pathOf(moduleOne)}/messages/deviceBound`, "amqp:not-found"],
    ];
    for (const [address, condition] of wrong)
      await expect(send(sender, "x", { to: address as string })).rejects.toMatchObject({
        condition,
      });
    for (const address of [
      `${pathOf(device)}/messages/deviceBound`,
      `amqps://${hostName}${pathOf(device)}/messages/devicebound/`,
    ])
      expect(await send(sender, "x", { to: address })).toBe("accepted");
  });

  it("have bytes as bodies, whatever the client has made of them", async () => {
    for (const body of ["text", Buffer.from("bytes"), null, ""]) {
      const message: Message = { ...to(device), body };
      expect(await outcomeOf(sender, sender.send(message))).toBe("accepted");
    }
    const sections = messages.data_sections([Buffer.from("two "), Buffer.from("sections")]);
    await outcomeOf(sender, sender.send({ ...to(device), body: sections }));
    expect((await taken()).map(({ body }) => body)).toEqual([
      "text",
      "bytes",
      "",
      "",
      "two sections",
    ]);
  });

  it("ask for feedback in one of four ways", async () => {
    const ack = (value: string): Partial<Message> => ({
      ...to(device),
      application_properties: { "iothub-ack": value },
    });
    for (const value of ["none", "positive", "negative", "FULL"])
      await send(sender, "x", ack(value));
    await expect(send(sender, "x", ack("some"))).rejects.toMatchObject({
      condition: "com.microsoft:argument-error",
    });
    expect((await taken()).map(({ ack: kept }) => kept)).toEqual([
      "none",
      "positive",
      "negative",
      "full",
    ]);
  });

  it("are refused alone when they are malformed, too large or late", async () => {
    const bad = sender.send(Buffer.from("0053750053", "hex"), Buffer.from("t1"), 0);
    await expect(outcomeOf(sender, bad)).rejects.toMatchObject({
      condition: "com.microsoft:argument-error",
    });
    await expect(send(sender, "x".repeat(65_537), to(device))).rejects.toMatchObject({
      condition: "amqp:link:message-size-exceeded",
    });
    const past = { absolute_expiry_time: new Date(test.clock.now() - 1000) } as object;
    await expect(send(sender, "x", { ...to(device), ...past })).rejects.toMatchObject({
      condition: "com.microsoft:argument-error",
    });
    expect(await send(sender, "fine", to(device))).toBe("accepted");
    expect((await taken()).map(({ body }) => body)).toEqual(["fine"]);
  });
});

/** The state that the library does not declare. */
const { accepted: acceptance } = messages as unknown as {
  accepted(this: void): { described(): never };
};

describe("feedback", () => {
  /** Makes feedback of one message, and waits until its batch is due. */
  async function makeFeedback(id: string): Promise<void> {
    const client = await serviceClient();
    const sender = await client.sender(commands);
    const more = { message_id: id, application_properties: { "iothub-ack": "full" } };
    await send(sender, "x", { ...to(device), ...more });
    await test.hub.cloudToDevice.purge(owner, device.deviceId);
    client.close();
    test.clock.advance(15_000);
  }

  async function receive(receiver: Receiver): Promise<JsonObject[]> {
    return JSON.parse(textOf(await nextMessage(receiver))) as JsonObject[];
  }

  it("comes in batches of records, as services expect it", async () => {
    const receiver = await (await serviceClient()).receiver(feedback);
    const arrived = once(receiver, "message");
    await makeFeedback("m1");
    const { message, delivery } = await arrived;
    if (message === undefined || delivery === undefined) throw new Error("no message");
    expect(JSON.parse(textOf(message))).toEqual([
      expect.objectContaining({
        originalMessageId: "m1",
        statusCode: "Purged",
        deviceId: device.deviceId,
        deviceGenerationId: expect.stringMatching(/^\d+$/),
      }),
    ]);
    expect(message.content_type).toBe("application/vnd.microsoft.iothub.feedback.json");
    expect(String(message.user_id)).toBe("hub");
    expect(message.message_annotations?.["iothub-enqueuedtime"]).toBeInstanceOf(Date);
    expect((delivery as unknown as { tag: Buffer }).tag).toHaveLength(16);
  });

  it("goes to one of several receivers, and to another when that one has gone", async () => {
    const first = await (await serviceClient()).receiver(feedback);
    const arrived = once(first, "message");
    await makeFeedback("m1");
    const { delivery } = await arrived;
    const second = await (await serviceClient()).receiver(feedback, { credit_window: 0 });
    const again = receive(second);
    second.add_credit(1);
    first.close();
    await once(first, "receiver_close");
    expect(delivery).toBeDefined();
    // What was neither settled nor released comes back when its lock has run out.
    test.clock.advance(60_000);
    expect(await again).toEqual([expect.objectContaining({ originalMessageId: "m1" })]);
  });

  it("that was released comes again at once; accepted, it is gone", async () => {
    const receiver = await (await serviceClient()).receiver(feedback);
    const first = once(receiver, "message");
    await makeFeedback("m1");
    const again = once(receiver, "message");
    (await first).delivery?.release();
    const { delivery } = await again;
    delivery?.accept();
    let more = 0;
    receiver.on("message", () => more++);
    await makeFeedback("m2");
    await expect.poll(() => more).toBe(1);
    expect(await test.hub.serviceMessages.receive(owner, "feedback")).toBeNull();
  });

  it("tells a client that settles second whether its lock still held", async () => {
    const receiver = await (await serviceClient()).receiver(feedback, { rcv_settle_mode: 1 });
    const first = once(receiver, "message");
    await makeFeedback("m1");
    const { delivery } = await first;
    test.clock.advance(61_000);
    const settled = once(receiver, "settled");
    delivery?.update(false, acceptance().described());
    await settled;
    const { error } = (delivery as unknown as { remote_state: { error: { condition: string } } })
      .remote_state;
    expect(error.condition).toBe("com.microsoft:message-lock-lost");
  });

  it("waits for credit", async () => {
    const receiver = await (await serviceClient()).receiver(feedback, { credit_window: 0 });
    await makeFeedback("m1");
    receiver.add_credit(1);
    expect(await receive(receiver)).toMatchObject([{ originalMessageId: "m1" }]);
    await makeFeedback("m2");
    receiver.add_credit(1);
    expect(await receive(receiver)).toMatchObject([{ originalMessageId: "m2" }]);
  });

  it("cannot be sent, and messages to devices cannot be read there", async () => {
    const client = await serviceClient();
    const refusal = { condition: "amqp:not-found" };
    await expect(client.sender(feedback)).rejects.toMatchObject(refusal);
    await expect(client.receiver(commands)).rejects.toMatchObject(refusal);
  });
});
