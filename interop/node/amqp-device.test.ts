import { describe, expect, it } from "vitest";
import device from "azure-iot-device";
import type { Client, Message, ModuleClient } from "azure-iot-device";
import iothub from "azure-iothub";
import { hubOfFile } from "./hub.ts";
import {
  type DeviceSideClient,
  Inbox,
  type Kind,
  type Protocol,
  type Subject,
  clientWithToken,
  inSeconds,
  kinds,
  once,
  openClient,
  register,
  report,
  watch,
} from "./support.ts";

const hub = await hubOfFile();

const overAmqp: readonly Protocol[] = ["amqp", "amqp-ws"];
const cases: readonly { kind: Kind; protocol: Protocol }[] = kinds.flatMap((kind) =>
  overAmqp.map((protocol) => ({ kind, protocol })),
);

describe.each(cases)("a $kind over $protocol", ({ kind, protocol }) => {
  it("answers direct methods, with the status that it likes", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    onMethod(client, "add", (request) => ({
      status: 201,
      payload: { sum: request.a + request.b },
    }));
    await expect
      .poll(() => call(subject, "add", { a: 2, b: 3 }))
      .toEqual({ status: 201, payload: { sum: 5 } });
    const many = Array.from({ length: 8 }, (_, a) => call(subject, "add", { a, b: 1 }));
    const sums = (await Promise.all(many)).map(({ payload }) => payload.sum);
    expect(sums).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("does telemetry, twin and methods at the same time on one connection", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    onMethod(client, "echo", (request) => ({ status: 200, payload: request }));
    const { twin, changes } = await watch(client);
    const sent = Array.from({ length: 100 }, (_, n) =>
      client.sendEvent(new device.Message(`message ${n}`)),
    );
    for (let n = 1; n <= 20; n++) await report(twin, { n });
    await subject.desired({ wanted: true });
    expect(await changes.next()).toEqual({ wanted: true, $version: 2 });
    expect(await call(subject, "echo", { deep: [1] })).toEqual({
      status: 200,
      payload: { deep: [1] },
    });
    await Promise.all(sent);
    const { properties } = await subject.twin();
    expect(properties.reported).toMatchObject({ n: 20, $version: 21 });
  });

  it("is told when a message is too large, and can go on", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    await client.sendEvent(new device.Message(Buffer.alloc(262_144, 65)));
    for (const size of [262_145, 1_200_000])
      await expect(
        client.sendEvent(new device.Message(Buffer.alloc(size, 65))),
      ).rejects.toMatchObject({ name: "MessageTooLargeError" });
    await client.sendEvent(new device.Message("small"));
  });

  it("renews its token on the same connection", async () => {
    const subject = await register(hub, kind);
    const first = tokenOf(subject, subject.primaryKey, 3600);
    const client = await clientWithToken(hub, subject, first, protocol);
    await client.open();
    const { twin } = await watch(client);
    const renewed = tokenOf(subject, subject.secondaryKey, 7200);
    await new Promise<void>((resolve, reject) => {
      client.updateSharedAccessSignature(renewed, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    await report(twin, { still: "here" });
  });

  it("learns of a wrong patch, and keeps its connection", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    const { twin } = await watch(client);
    await expect(report(twin, { ["a.b"]: 1 })).rejects.toThrow(/./);
    await report(twin, { a: 1 });
    const { properties } = await subject.twin();
    expect(properties.reported).toMatchObject({ a: 1, $version: 2 });
  });

  it("loses its connection when the same identity comes again", async () => {
    const subject = await register(hub, kind);
    const first = await openClient(hub, subject, { protocol });
    await first.getTwin();
    const ended = once(first, "disconnect");
    const second = await openClient(hub, subject, { protocol });
    const { changes } = await watch(second);
    await ended;
    await subject.desired({ a: 1 });
    expect(await changes.next()).toEqual({ a: 1, $version: 2 });
  });

  it("is cut off when it is deleted, and may not come back", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    await client.getTwin();
    const ended = once(client, "disconnect");
    await subject.remove();
    await ended;
    await expect(openClient(hub, subject, { protocol })).rejects.toMatchObject({
      name: "UnauthorizedError",
    });
  });
});

describe.each(overAmqp)("over %s a device", (protocol) => {
  it("takes its messages in order, and completes, abandons or rejects them", async () => {
    const subject = await register(hub, "device");
    for (const body of ["one", "two", "three"]) await command(subject, body);
    const client = await openClient(hub, subject, { protocol });
    const inbox = new Inbox<Message>();
    client.on("message", (message: Message) => inbox.add(message));
    const [one, two, three] = [await inbox.next(), await inbox.next(), await inbox.next()];
    expect([one, two, three].map((message) => bodyOf(message))).toEqual(["one", "two", "three"]);
    expect(one.properties.getValue("colour")).toBe("red");
    expect(one.messageId).toBe("m-one");
    await (client as Client).complete(one);
    await (client as Client).reject(three);
    await (client as Client).abandon(two);
    const again = await inbox.next();
    expect(bodyOf(again)).toBe("two");
    await (client as Client).complete(again);
    await expect.poll(() => waiting(subject)).toBe(0);
  });

  it("hears of messages that are sent while it is there, and gets back what it did not settle", async () => {
    const subject = await register(hub, "device");
    const first = await openClient(hub, subject, { protocol });
    const inbox = new Inbox<Message>();
    first.on("message", (message: Message) => inbox.add(message));
    await first.getTwin();
    await command(subject, "late");
    expect(bodyOf(await inbox.next())).toBe("late");
    await first.close();
    const second = await openClient(hub, subject, { protocol });
    const others = new Inbox<Message>();
    second.on("message", (message: Message) => others.add(message));
    const again = await others.next();
    expect(bodyOf(again)).toBe("late");
    await (second as Client).complete(again);
    await expect.poll(() => waiting(subject)).toBe(0);
  });
});

describe.each(overAmqp)("over %s a module", (protocol) => {
  it("may listen to its inputs, and sends to its outputs", async () => {
    const subject = await register(hub, "module");
    const client = (await openClient(hub, subject, { protocol })) as ModuleClient;
    client.on("inputMessage", () => undefined);
    await client.sendOutputEvent("alerts", new device.Message("hot"));
    const { twin } = await watch(client);
    await report(twin, { listening: true });
  });
});

/** The test hub sends bodies as JSON. */
function bodyOf(message: Message): unknown {
  return JSON.parse(message.getBytes().toString());
}

function tokenOf(subject: Subject, key: string, seconds: number): string {
  const resource = encodeURIComponent(`${hub.hostName}${subject.path}`);
  return iothub.SharedAccessSignature.create(resource, "", key, inSeconds(seconds)).toString();
}

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  readonly payload: any;
}

// oxlint-disable-next-line typescript/no-explicit-any -- whatever the caller sends
function onMethod(client: DeviceSideClient, name: string, answer: (request: any) => Answer): void {
  const handle = (
    request: device.DeviceMethodRequest,
    response: device.DeviceMethodResponse,
  ): void => {
    const { status, payload } = answer(request.payload);
    response.send(status, payload, () => undefined);
  };
  if (client instanceof device.ModuleClient) client.onMethod(name, handle as never);
  else client.onDeviceMethod(name, handle);
}

async function call(subject: Subject, methodName: string, payload: object): Promise<Answer> {
  const body = { methodName, payload, connectTimeoutInSeconds: 20, responseTimeoutInSeconds: 20 };
  const { body: answer } = await hub.call(
    "POST",
    `/twins${subject.path}/methods`.replace("/devices", ""),
    body,
  );
  return answer;
}

async function command(subject: Subject, body: string): Promise<void> {
  const { status } = await hub.call("POST", `${subject.path}/messages/deviceBound`, body, {
    "iothub-messageid": `m-${body}`,
    "iothub-app-colour": "red",
  });
  expect(status).toBe(204);
}

async function waiting(subject: Subject): Promise<number | undefined> {
  const { body } = await hub.call("GET", subject.path);
  return body.cloudToDeviceMessageCount;
}
