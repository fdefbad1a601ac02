import device from "azure-iot-device";
import type { DeviceMethodRequest, DeviceMethodResponse, Message } from "azure-iot-device";
import { describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import {
  Inbox,
  clientOf,
  kinds,
  noRetry,
  once,
  openClient,
  plain,
  register,
  report,
  watch,
} from "./support.ts";
import type { Arrivals, DeviceSideClient, Protocol, Subject } from "./support.ts";

const protocols = ["mqtt", "mqtt-ws"] as const satisfies readonly Protocol[];

const hub = await hubOfFile();

const cases = kinds.flatMap((kind) => protocols.map((protocol) => ({ kind, protocol })));

/** A service sends `body`, JSON, with headers of its own. */
async function send(
  { deviceId }: Subject,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<void> {
  const path = `/devices/${deviceId}/messages/deviceBound`;
  const { status } = await hub.call("POST", path, body, headers);
  expect(status).toBe(204);
}

interface Arrived {
  readonly body: string;
  readonly message: Message;
}

/** What arrives at a device, each message completed. The SDK subscribes when it is called. */
function messagesOf(client: DeviceSideClient): Arrivals<Arrived> {
  if (!(client instanceof device.Client)) throw new Error("a module has no messages");
  const inbox = new Inbox<Arrived>();
  client.on("message", (message: Message) => {
    inbox.add({ body: String(message.data), message });
    void client.complete(message);
  });
  return inbox;
}

async function bodies(arrivals: Arrivals<Arrived>, count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) found.push((await arrivals.next()).body);
  return found;
}

/** How many messages a device has that are not completed. */
async function pending({ deviceId }: Subject): Promise<number> {
  return (await hub.call("GET", `/devices/${deviceId}`)).body.cloudToDeviceMessageCount;
}

describe.each(protocols)("messages to a device over %s", (protocol) => {
  it("arrive with their properties, in order, and are completed", async () => {
    const subject = await register(hub, "device");
    const client = await openClient(hub, subject, { protocol });
    const arrivals = messagesOf(client);
    await send(subject, "first", {
      "iothub-messageid": "id/1",
      "iothub-correlationid": "c 1",
      "iothub-userid": "me",
      "iothub-contenttype": "application/json",
      "iothub-contentencoding": "utf-8",
      "iothub-ack": "full",
      "iothub-app-Level": "high & dry",
      "iothub-app-empty": "",
    });
    for (let index = 0; index < 30; index++) await send(subject, index);

    const { body, message } = await arrivals.next();
    expect(body).toBe('"first"');
    expect(message).toMatchObject({
      messageId: "id/1",
      correlationId: "c 1",
      userId: "me",
      contentType: "application/json",
      contentEncoding: "utf-8",
      to: `/devices/${subject.deviceId}/messages/deviceBound`,
    });
    const properties = message.properties.propertyList.map(({ key, value }) => [key, value]);
    expect(properties).toContainEqual(["Level", "high & dry"]);
    expect(properties).toContainEqual(["empty", ""]);
    expect(properties).toContainEqual(["iothub-ack", "full"]);
    expect(await bodies(arrivals, 30)).toEqual(Array.from({ length: 30 }, (_, n) => `${n}`));
    await expect.poll(() => pending(subject)).toBe(0);

    hub.clock.advance(15_000);
    const feedback = await hub.call("GET", "/messages/serviceBound/feedback");
    expect(feedback.body).toMatchObject([
      { originalMessageId: "id/1", statusCode: "Success", deviceId: subject.deviceId },
    ]);
  });

  it("wait while the device is away, also for a client that listens only after it has connected", async () => {
    const subject = await register(hub, "device");
    for (const body of [1, 2]) await send(subject, body);
    const first = await openClient(hub, subject, { protocol });
    expect(await bodies(messagesOf(first), 2)).toEqual(["1", "2"]);
    await first.close();

    for (const body of [3, 4, 5]) await send(subject, body);
    const second = await openClient(hub, subject, { protocol });
    // The hub knows the subscription, and still holds the messages back until the SDK has a handler for them.
    expect(await bodies(messagesOf(second), 3)).toEqual(["3", "4", "5"]);
    await expect.poll(() => pending(subject)).toBe(0);
  });

  it("of the largest size arrive, and larger ones are refused to the sender", async () => {
    const subject = await register(hub, "device");
    const client = await openClient(hub, subject, { protocol });
    const arrivals = messagesOf(client);
    const largest = "x".repeat(65_534);
    await send(subject, largest);
    expect((await arrivals.next()).body).toBe(JSON.stringify(largest));
    const path = `/devices/${subject.deviceId}/messages/deviceBound`;
    const refused = await hub.call("POST", path, `${largest}x`);
    expect(refused.status).toBe(413);
  });

  it("arrive again and again while the connection is cut, each at least once", async () => {
    const subject = await register(hub, "device");
    const client = await openClient(hub, subject, { protocol, retry: true });
    const arrivals = messagesOf(client);
    await send(subject, "up");
    await arrivals.next();
    for (let round = 0; round < 3; round++) {
      const back = once(client, "connect");
      injectFault(client, "KillTcp");
      for (let index = 0; index < 10; index++) await send(subject, `${round}.${index}`);
      await back;
    }
    const expected = [0, 1, 2].flatMap((round) =>
      Array.from({ length: 10 }, (_, index) => `"${round}.${index}"`),
    );
    await expect
      .poll(() => [...new Set(arrivals.all.map(({ body }) => body))].filter((b) => b !== '"up"'))
      .toEqual(expected);
    await expect.poll(() => pending(subject)).toBe(0);
  });
});

const retryAtOnce = { shouldRetry: () => true, nextRetryTimeout: () => 50 };

/**
 * Asks the hub to cut the connection, once: the message is never acknowledged, and an SDK that may retry would send
 * it again on each new connection. The SDK may retry to connect.
 */
function injectFault(client: DeviceSideClient, type: string): void {
  const message = new device.Message("fault");
  message.properties.add("AzIoTHub_FaultOperationType", type);
  message.properties.add("AzIoTHub_FaultOperationCloseReason", "boom");
  message.properties.add("AzIoTHub_FaultOperationDelayInSecs", "0");
  client.setRetryPolicy(noRetry);
  client.sendEvent(message).catch(() => undefined);
  client.setRetryPolicy(retryAtOnce);
}

interface Answer {
  readonly status: number;
  readonly payload: unknown;
}

/** What a service gets for a call, and the HTTP status. */
async function invoke(
  { deviceId, moduleId }: Subject,
  methodName: string,
  body: object = {},
): Promise<{ readonly status: number; readonly body: Answer }> {
  const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
  return hub.call("POST", `/twins/${deviceId}${module}/methods`, {
    methodName,
    connectTimeoutInSeconds: 10,
    ...body,
  });
}

/** Answers calls of `name` with what `answer` makes of their payload. */
function onMethod(
  client: DeviceSideClient,
  name: string,
  answer: (payload: unknown) => unknown,
): void {
  const handler = (request?: DeviceMethodRequest, response?: DeviceMethodResponse): void => {
    void response?.send(200, answer(request?.payload));
  };
  if (client instanceof device.Client) client.onDeviceMethod(name, handler);
  else client.onMethod(name, handler);
}

async function echoing(kind: "device" | "module", protocol: Protocol, retry = false) {
  const subject = await register(hub, kind);
  const client = await openClient(hub, subject, { protocol, retry });
  onMethod(client, "echo", (payload) => payload);
  return { subject, client };
}

describe.each(cases)("direct methods of a $kind over $protocol", ({ kind, protocol }) => {
  it("take null, empty and nested payloads, and give them back", async () => {
    const { subject } = await echoing(kind, protocol);
    for (const payload of [null, "", {}, [], 0, false, "ü", { a: [1, { b: null }] }]) {
      expect(await invoke(subject, "echo", { payload })).toMatchObject({
        status: 200,
        body: { status: 200, payload },
      });
    }
    const missing = await invoke(subject, "echo");
    expect(missing).toMatchObject({ status: 200, body: { status: 200, payload: null } });
  });

  it("take 128 KiB both ways, and no more", async () => {
    const { subject, client } = await echoing(kind, protocol);
    const payload = "x".repeat(131_070);
    const answer = await invoke(subject, "echo", { payload });
    expect([answer.status, answer.body.payload === payload]).toEqual([200, true]);
    expect((await invoke(subject, "echo", { payload: `${payload}x` })).status).toBe(413);
    onMethod(client, "long", () => `${payload}x`);
    expect((await invoke(subject, "long")).status).toBe(413);
    expect((await invoke(subject, "echo", { payload: 1 })).status).toBe(200);
  });

  it("run beside each other, beside twin traffic and beside telemetry", async () => {
    const { subject, client } = await echoing(kind, protocol);
    const { twin, changes } = await watch(client);
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    const work = rounds.map(async (round) => {
      const telemetry = client.sendEvent(new device.Message(`${round}`));
      const reported = report(twin, { [`r${round}`]: round });
      const desired = subject.desired({ [`d${round}`]: round });
      // At most ten at a time are allowed.
      const calls = round < 8 ? [invoke(subject, "echo", { payload: round })] : [];
      for (const answer of await Promise.all(calls)) expect(answer.body.payload).toBe(round);
      await Promise.all([telemetry, reported, desired]);
    });
    await Promise.all(work);
    await expect.poll(() => changes.all.length).toBe(20);
    const versions = changes.all.map(({ $version }) => $version);
    expect(versions).toEqual(rounds.map((round) => round + 2));
    const { properties } = await subject.twin();
    expect(plain(properties.reported)).toEqual(
      Object.fromEntries(rounds.map((round) => [`r${round}`, round])),
    );
  });

  it("wait for a client that comes late, and are refused when none comes", async () => {
    const subject = await register(hub, kind);
    const refused = await invoke(subject, "echo", { connectTimeoutInSeconds: 0 });
    expect(refused.status).toBe(404);
    const answer = invoke(subject, "echo", { payload: 1 });
    const client = await clientOf(hub, subject, { protocol });
    await client.open();
    onMethod(client, "echo", (payload) => payload);
    expect((await answer).body).toEqual({ status: 200, payload: 1 });
  });
});

describe.each(cases)("a $kind over $protocol whose connection is cut", ({ kind, protocol }) => {
  it.each(["KillTcp", "ShutDownMqtt"])(
    "comes back by itself with every subscription alive: %s",
    async (fault) => {
      const { subject, client } = await echoing(kind, protocol, true);
      const { changes } = await watch(client);
      expect((await invoke(subject, "echo", { payload: 1 })).body.payload).toBe(1);
      const back = once(client, "connect");
      injectFault(client, fault);
      await back;
      expect((await invoke(subject, "echo", { payload: 2 })).body.payload).toBe(2);
      await subject.desired({ a: 1 });
      expect(await changes.next()).toEqual({ a: 1, $version: 2 });
      const ended = await hub.call("GET", "/$hub/connections/ended");
      const reasons = ended.body
        .filter((end: { deviceId: string }) => end.deviceId === subject.deviceId)
        .map((end: { reason: string }) => end.reason);
      expect(reasons).toEqual(["faultInjection"]);
    },
  );
});

describe.each(cases)("a $kind over $protocol whose SDK renews its token", ({ kind, protocol }) => {
  it("hears of everything on each new connection", async () => {
    const { subject, client } = await echoing(kind, protocol, true);
    const { twin, changes } = await watch(client);
    await client.setOptions({
      // The SDK forgets whatever options are not given again.
      ca: hub.caPem,
      tokenRenewal: { tokenValidTimeInSeconds: 12, tokenRenewalMarginInSeconds: 10 },
    });
    const renewals = async (): Promise<number> => {
      const { body } = await hub.call("GET", "/$hub/connections/ended");
      return body.filter((end: { deviceId: string }) => end.deviceId === subject.deviceId).length;
    };
    for (let round = 1; round <= 3; round++) {
      // The next one, so that there is time before the one behind it: what the SDK sends between two connections is lost.
      const before = await renewals();
      await expect.poll(renewals).toBeGreaterThan(before);
      await expect
        .poll(async () => (await invoke(subject, "echo", { payload: round })).body.payload)
        .toBe(round);
      await report(twin, { round });
    }
    // A change that is made while the client is between two connections is told to nobody (spec/mqtt §3.1).
    await expect
      .poll(async () => {
        await subject.desired({ now: Date.now() });
        return changes.all.length;
      })
      .toBeGreaterThan(0);
  });
});
