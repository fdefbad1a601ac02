import type { Receiver, ReceiverOptions } from "rhea";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HubApi } from "../../../app/hub.ts";
import { anyEtag, noPrecondition } from "../../../domain/identity/etag.ts";
import { signSasByKeyText } from "../../../domain/identity/sas.ts";
import { logDefaults } from "../../../domain/routing/endpoint.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import { AmqpClient, nextMessage, once, textOf, types } from "../testing/client.ts";
import {
  type TestHub,
  type TestHubOptions,
  both,
  device,
  hostName,
  moduleOne,
  owner,
  pathOf,
  startTestHub,
} from "../testing/test-hub.ts";

const partition = "hub/ConsumerGroups/$Default/Partitions/0";

let test: TestHub;
let service: AmqpClient;

async function start(options: TestHubOptions = {}): Promise<void> {
  test = await startTestHub({ ...options, limits: { linger: 50, ...options.limits } });
  service = await connectService();
}
beforeEach(() => start());
afterEach(async () => test.head.stop());

/** A token as clients of Event Hubs make it: signed with the text of the key. */
async function eventHubsToken(resource: string, policy = "service"): Promise<string> {
  const { primaryKey } = await test.hub.policies.get(owner, policy);
  const audience = encodeURIComponent(resource);
  const expiry = String(Math.floor(test.clock.now() / 1000) + 3600);
  const signature = signSasByKeyText(audience, expiry, primaryKey);
  return `SharedAccessSignature sr=${audience}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${policy}`;
}

async function connectService(resource = `sb://${hostName}/hub`): Promise<AmqpClient> {
  const client = await test.open();
  expect(await client.putToken(await eventHubsToken(resource))).toMatchObject({ status: 200 });
  return client;
}

async function sendAll(key: typeof device, texts: readonly string[]): Promise<void> {
  const client = await test.connect(key);
  const sender = await client.sender(`${pathOf(key)}/messages/events`);
  let accepted = 0;
  const all = new Promise<void>((resolve) => {
    sender.on("accepted", () => {
      if (++accepted === texts.length) resolve();
    });
  });
  for (const body of texts) sender.send({ body: Buffer.from(body) });
  await all;
  client.close();
}

function selector(text: string): ReceiverOptions {
  const name = "apache.org:selector-filter:string";
  return { source: { address: partition, filter: { [name]: types.wrap_string(text) } } };
}

/** Texts as they come. What is read counts as settled in the library, which sends nothing of it to the hub. */
function texts(receiver: Receiver): string[] {
  const found: string[] = [];
  receiver.on("message", ({ message, delivery }) => {
    Object.assign(delivery ?? {}, { settled: true });
    if (message !== undefined) found.push(textOf(message));
  });
  return found;
}

/** Reads all there is, with credit for 500 at a time. */
async function read(options: ReceiverOptions = {}): Promise<string[]> {
  // The library counts the unsettled answers of `$cbs` in the session that they came in.
  const session = service.newSession();
  const receiver = await service.receiver(partition, { ...options, credit_window: 0 }, session);
  const found = texts(receiver);
  receiver.on("message", () => receiver.add_credit(1));
  receiver.add_credit(500);
  return found;
}

describe("the hub's own address for events", () => {
  it.each([
    ["/messages/events/", ""],
    ["messages/events/$management", "$management"],
    [
      "amqps://hub.example.com/messages/events/ConsumerGroups/$Default/Partitions/1",
      "ConsumerGroups/$Default/Partitions/1",
    ],
  ])("%s leads to the endpoint for them", async (address, rest) => {
    const client = await test.open();
    const { primaryKey } = await test.hub.policies.get(owner, "service");
    const expiry = Math.floor(test.clock.now() / 1000) + 3600;
    const resource = `${hostName}/messages/events`;
    await client.putToken(createSasToken({ resource, key: primaryKey, expiry, policy: "service" }));
    const link = client.session.open_receiver({ source: { address } });
    link.on("receiver_error", () => undefined);
    await once(link, "receiver_close");
    expect(link.source?.address ?? null).toBeNull();
    expect(link.error).toMatchObject({
      condition: "amqp:link:redirect",
      info: {
        hostname: hostName,
        "network-host": hostName,
        port: 5671,
        address: `amqps://${hostName}:5671/hub/${rest}`,
      },
    });
  });

  it("is not shown to those who may not read", async () => {
    const client = await test.connect(device);
    await expect(client.receiver("/messages/events/")).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
  });
});

describe("a token of Event Hubs", () => {
  it("counts for the entity, a partition of it, or its properties alone", async () => {
    await (await connectService(`sb://${hostName}:5671/HUB`)).receiver(partition);
    await (await connectService(`amqps://${hostName}/${partition}`)).receiver(partition);
    const management = await connectService(`sb://${hostName}/hub/$management`);
    await management.sender("$management");
    await expect(management.receiver(partition)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
  });

  it("opens nothing else", async () => {
    const refusal = { condition: "amqp:unauthorized-access" };
    await expect(service.sender("/messages/devicebound")).rejects.toMatchObject(refusal);
    await expect(service.receiver(`${pathOf(device)}/twin`)).rejects.toMatchObject(refusal);
  });

  it("is refused when it is signed for another name, or with the text of the key for the hub", async () => {
    const client = await test.open();
    const elsewhere = await eventHubsToken("sb://other.example.com/hub");
    expect(await client.putToken(elsewhere)).toMatchObject({ status: 401 });
    expect(await client.putToken(await eventHubsToken(hostName))).toMatchObject({ status: 401 });
  });
});

describe("a reader of a partition", () => {
  it.each(both)("gets what a %s has sent, and then what it sends", async (_, key) => {
    await sendAll(key, ["one", "two"]);
    const found = await read();
    await expect.poll(() => found).toEqual(["one", "two"]);
    await sendAll(key, ["three"]);
    await expect.poll(() => found).toEqual(["one", "two", "three"]);
  });

  it("gets messages settled, and no more of them than it has credit for", async () => {
    await sendAll(device, ["a", "b", "c", "d", "e"]);
    const receiver = await service.receiver(partition, { credit_window: 0 });
    const found = texts(receiver);
    receiver.add_credit(2);
    await expect.poll(() => found).toEqual(["a", "b"]);
    const third = once(receiver, "message");
    receiver.add_credit(1);
    const { delivery } = await third;
    expect(delivery?.remote_settled).toBe(true);
    receiver.add_credit(100);
    await expect.poll(() => found).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("is never ahead of its credit in the log", async () => {
    await test.head.stop();
    const reads: number[] = [];
    const wrap = (hub: HubApi): HubApi => ({
      ...hub,
      eventSource: async (...named) => {
        const source = await hub.eventSource(...named);
        const { events } = source;
        return {
          ...source,
          events: {
            ...events,
            read: async (...args) => {
              const page = await events.read(...args);
              reads.push(page.length);
              return page;
            },
          },
        };
      },
    });
    await start({ wrap });
    await sendAll(
      moduleOne,
      Array.from({ length: 200 }, (_, index) => String(index)),
    );
    const receiver = await service.receiver(partition, { credit_window: 0 });
    const found = texts(receiver);
    receiver.add_credit(7);
    await expect.poll(() => found).toHaveLength(7);
    expect(reads.reduce((sum, length) => sum + length, 0)).toBe(7);
  });

  it("gets more than the output holds with credit that it gives once", async () => {
    const large = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(50_000, "."));
    await sendAll(device, large);
    const receiver = await service.receiver(partition, { credit_window: 0 });
    const found = texts(receiver);
    receiver.add_credit(40);
    await expect.poll(() => found.length).toBe(40);
    expect(found).toEqual(large);
  });

  it("goes on through thousands that it never settles", async () => {
    const all = Array.from({ length: 5000 }, (_, index) => String(index));
    await sendAll(device, all.slice(0, 900));
    const found = await read();
    for (let from = 900; from < all.length; from += 900)
      await sendAll(device, all.slice(from, from + 900));
    await expect.poll(() => found.length).toBe(all.length);
    expect(found).toEqual(all);
  });

  it.each([
    ["amqp.annotation.x-opt-offset > '0'", ["b", "c"]],
    ["amqp.annotation.x-opt-sequence-number >= 2", ["c"]],
    ["amqp.annotation.x-opt-offset > '-1'", ["a", "b", "c"]],
    ["amqp.annotation.x-opt-enqueuedtimeutc > 0", ["a", "b", "c"]],
  ])("begins where it says: %s", async (text, expected) => {
    await sendAll(device, ["a", "b", "c"]);
    const found = await read(selector(text));
    await expect.poll(() => found).toEqual(expected);
  });

  it("at the end hears of new messages only", async () => {
    await sendAll(device, ["old"]);
    const found = await read(selector("amqp.annotation.x-opt-offset > '@latest'"));
    await sendAll(moduleOne, ["new"]);
    await expect.poll(() => found).toEqual(["new"]);
  });

  it.each([
    ["other/ConsumerGroups/$Default/Partitions/0", "amqp:unauthorized-access"],
    ["hub/ConsumerGroups/none/Partitions/0", "amqp:not-found"],
    ["hub/ConsumerGroups/$Default/Partitions/1", "com.microsoft:argument-out-of-range"],
    ["hub/ConsumerGroups/$Default/Partitions/-1", "com.microsoft:argument-out-of-range"],
    ["hub/ConsumerGroups/$Default/Partitions/x", "com.microsoft:argument-out-of-range"],
    ["hub/ConsumerGroups/$Default", "amqp:not-found"],
  ])("at %s is refused with %s, and the connection goes on", async (address, condition) => {
    await expect(service.receiver(address)).rejects.toMatchObject({ condition });
    await service.receiver(partition);
  });

  it("with a wrong selector, or as a sender, is refused", async () => {
    await expect(service.receiver(partition, selector("1 = 1"))).rejects.toMatchObject({
      condition: "com.microsoft:argument-error",
    });
    await expect(service.sender(partition)).rejects.toMatchObject({ condition: "amqp:not-found" });
  });

  it("learns how far the partition goes, if it wants to", async () => {
    await sendAll(device, ["a", "b"]);
    const receiver = await service.receiver(partition, {
      credit_window: 0,
      desired_capabilities: ["com.microsoft:enable-receiver-runtime-metric"],
    });
    const arrived = nextMessage(receiver);
    receiver.add_credit(1);
    expect((await arrived).delivery_annotations).toMatchObject({
      last_enqueued_sequence_number: 1,
      last_enqueued_offset: "1",
    });
  });
});

describe("owner levels", () => {
  const withEpoch = (epoch: number): ReceiverOptions => ({
    properties: { "com.microsoft:epoch": types.wrap_long(epoch) },
  });

  it("disconnect those below, across connections, and refuse them", async () => {
    const shared = await service.receiver(partition);
    const disconnected = once(shared, "receiver_close");
    const one = await (await connectService()).receiver(partition, withEpoch(1));
    await disconnected;
    expect(shared.error).toMatchObject({ condition: "amqp:link:stolen" });
    const taken = once(one, "receiver_close");
    await (await connectService()).receiver(partition, withEpoch(1));
    await taken;
    for (const options of [{}, withEpoch(0)])
      await expect(service.receiver(partition, options)).rejects.toMatchObject({
        condition: "amqp:link:stolen",
      });
  });

  it("count within one consumer group, and end with a connection that is cut", async () => {
    await test.hub.consumerGroups.create(owner, "other");
    const stream = test.stream();
    const holder = await AmqpClient.open(stream);
    await holder.putToken(await eventHubsToken(`sb://${hostName}/hub`));
    await holder.receiver(partition, withEpoch(5));
    await service.receiver(partition.replace("$Default", "OTHER"), {});
    stream.destroy();
    await expect
      .poll(() =>
        service.receiver(partition).then(
          () => "open",
          () => "refused",
        ),
      )
      .toBe("open");
  });

  it("are not needed by five readers; the sixth is refused", async () => {
    for (let index = 0; index < 5; index++) await service.receiver(partition);
    await expect(service.receiver(partition)).rejects.toMatchObject({
      condition: "amqp:resource-limit-exceeded",
    });
  });
});

/** Asks for properties over links of their own. */
async function ask(properties: Record<string, string>, id: string | number = "q1") {
  const sender = await service.sender("$management");
  const receiver = await service.receiver("$management");
  const answered = nextMessage(receiver);
  sender.send({
    message_id: id as string,
    application_properties: properties,
    body: Buffer.from("[]"),
  });
  const answer = await answered;
  return { answer, status: answer.application_properties?.["status-code"] as number };
}

describe("$management", () => {
  const ofEntity = { operation: "READ", type: "com.microsoft:eventhub", name: "hub" };
  const ofPartition = { ...ofEntity, type: "com.microsoft:partition", partition: "0" };

  it.each(["text", 0, 7])("answers with the request's id %s", async (id) => {
    const { answer, status } = await ask(ofEntity, id);
    expect([status, answer.correlation_id]).toEqual([200, id]);
    expect(answer.body).toMatchObject({
      name: "hub",
      type: "com.microsoft:eventhub",
      partition_count: 1,
      partition_ids: ["0"],
    });
    expect(answer.body.created_at).toBeInstanceOf(Date);
  });

  it("knows partitions with and without messages", async () => {
    expect((await ask(ofPartition)).answer.body).toMatchObject({
      begin_sequence_number: 0,
      last_enqueued_sequence_number: -1,
      last_enqueued_offset: "-1",
      is_partition_empty: true,
    });
    await sendAll(moduleOne, ["a", "b"]);
    expect((await ask(ofPartition)).answer.body).toMatchObject({
      begin_sequence_number: 0,
      last_enqueued_sequence_number: 1,
      last_enqueued_offset: "1",
      is_partition_empty: false,
    });
  });

  it.each([
    [{ ...ofEntity, name: "other" }, 404, "amqp:not-found"],
    [{ ...ofPartition, partition: "7" }, 400, "com.microsoft:argument-out-of-range"],
    [{ ...ofEntity, type: "com.microsoft:queue" }, 400, "com.microsoft:argument-error"],
    [{ ...ofEntity, operation: "WRITE" }, 400, "com.microsoft:argument-error"],
    [{}, 400, "com.microsoft:argument-error"],
  ])("answers %j with %s", async (properties, status, condition) => {
    const found = await ask(properties);
    expect(found.status).toBe(status);
    expect(found.answer.application_properties).toMatchObject({ "error-condition": condition });
  });
});

describe("the event log of an endpoint", () => {
  const own = "Alarms/ConsumerGroups/$Default/Partitions/1";

  beforeEach(async () => {
    const { routing } = test.hub;
    const endpoint = { name: "Alarms", type: "log", ...logDefaults, partitionCount: 2 } as const;
    await routing.putEndpoint(owner, endpoint, noPrecondition);
    const route = { name: "r", source: "DeviceMessages", condition: "", isEnabled: true } as const;
    await routing.putRoute(owner, { ...route, endpointNames: ["Alarms"] }, noPrecondition);
    service = await connectService(`sb://${hostName}/alarms`);
  });

  it.each(both)("gives what routes sent it of a %s, under its own name", async (_kind, key) => {
    await sendAll(key, ["a", "b"]);
    const inAll: string[] = [];
    for (const partition of ["0", "1"]) {
      const receiver = await service.receiver(
        `alarms/ConsumerGroups/$default/Partitions/${partition}`,
      );
      receiver.on("message", ({ message }) => inAll.push(textOf(message ?? { body: "" })));
    }
    await expect.poll(() => inAll).toEqual(["a", "b"]);
    const builtIn = await test.hub.events.partitions(owner);
    expect(builtIn.map(({ lastSequenceNumber }) => lastSequenceNumber)).toEqual(
      builtIn.map(() => 0),
    );
  });

  it("has its own partitions and consumer groups", async () => {
    const none = service.receiver("alarms/ConsumerGroups/$Default/Partitions/2");
    await expect(none).rejects.toMatchObject({ condition: "com.microsoft:argument-out-of-range" });
    await test.hub.consumerGroups.create(owner, "elsewhere");
    const foreign = service.receiver("alarms/ConsumerGroups/elsewhere/Partitions/0");
    await expect(foreign).rejects.toMatchObject({ condition: "amqp:not-found" });
  });

  it("is not read with a token for the hub's own, nor by a name that it has not", async () => {
    service = await connectService();
    await expect(service.receiver(own)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    service = await connectService(`sb://${hostName}/events`);
    const events = service.receiver("events/ConsumerGroups/$Default/Partitions/0");
    await expect(events).rejects.toMatchObject({ condition: "amqp:not-found" });
  });

  it("tells of itself at $management, and of the hub's own log only with a token for that", async () => {
    service = await connectService(`sb://${hostName}/alarms/$management`);
    const type = "com.microsoft:eventhub";
    const asked = (name: string) => ask({ operation: "READ", name, type });
    const { status, answer } = await asked("alarms");
    expect([status, answer.body]).toMatchObject([200, { name: "Alarms", partition_count: 2 }]);
    expect((await asked("hub")).status).toBe(401);
    await service.putToken(await eventHubsToken(`sb://${hostName}/hub/$management`));
    expect((await asked("hub")).answer.body).toMatchObject({ name: "hub" });
  });

  it("takes its readers along when its endpoint is deleted", async () => {
    const reader = await service.receiver(own);
    const closed = once(reader, "receiver_close");
    await test.hub.routing.deleteRoute(owner, "r", anyEtag);
    await test.hub.routing.deleteEndpoint(owner, "Alarms", anyEtag);
    await closed;
    expect(reader.error).toMatchObject({ condition: "amqp:not-found" });
    await expect(service.receiver(own)).rejects.toMatchObject({ condition: "amqp:not-found" });
  });
});

describe("a consumer group", () => {
  it("takes its readers along when it is deleted, and only those", async () => {
    await test.hub.consumerGroups.create(owner, "Analytics");
    const reader = await service.receiver("hub/ConsumerGroups/analytics/Partitions/0");
    const other = await service.receiver(partition);
    const closed = once(reader, "receiver_close");
    await test.hub.consumerGroups.delete(owner, "ANALYTICS");
    await closed;
    expect(reader.error).toMatchObject({ condition: "amqp:not-found" });
    expect(other.is_open()).toBe(true);
  });
});
