import device from "azure-iot-device";
import type { Client, Message as DeviceMessage } from "azure-iot-device";
import deviceHttp from "azure-iot-device-http";
import { afterEach, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { Inbox, noRetry, register } from "./support.ts";
import type { Subject } from "./support.ts";

const { Message } = device;

const hub = await hubOfFile({ partitions: 1 });
const clients: Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
});

/** An SDK client over HTTPS that asks for messages every tenth of a second. */
async function httpClient(connectionString: string): Promise<Client> {
  const client = device.Client.fromConnectionString(connectionString, deviceHttp.Http);
  client.setRetryPolicy(noRetry);
  // The SDK's promise stays open over HTTPS unless a receive policy stands beside the other options.
  const options = { ca: hub.caPem, http: { receivePolicy: { interval: 0.1 } } };
  await client.setOptions(options);
  await client.open();
  clients.push(client);
  return client;
}

async function log(): Promise<number> {
  const { body } = await hub.call("GET", "/$hub/events/partitions");
  return body[0].lastSequenceNumber;
}

function send(
  subject: Subject,
  id: string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number }> {
  return hub.call("POST", `/devices/${subject.deviceId}/messages/deviceBound`, id, {
    "iothub-messageid": id,
    "iothub-ack": "full",
    ...headers,
  });
}

async function pending(subject: Subject): Promise<number> {
  const { body } = await hub.call("GET", `/devices/${subject.deviceId}`);
  return body.cloudToDeviceMessageCount;
}

describe("a device over HTTPS", () => {
  it("sends a message with all its properties, and a batch", async () => {
    const subject = await register(hub, "device");
    const client = await httpClient(subject.connectionString());
    const message = new Message('{"t":1}');
    message.messageId = "mid";
    message.correlationId = "cid";
    message.userId = "u";
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    message.properties.add("level", "high");
    const before = await log();
    await client.sendEvent(message);
    await client.sendEventBatch([new Message("one"), new Message("two")]);
    expect(await log()).toBe(before + 3);
  });

  it("is refused with another key, and with a message that is too large", async () => {
    const subject = await register(hub, "device");
    const other = await register(hub, "device");
    const stranger = await httpClient(subject.connectionString(other.primaryKey));
    await expect(stranger.sendEvent(new Message("x"))).rejects.toMatchObject({
      name: "UnauthorizedError",
    });
    const client = await httpClient(subject.connectionString());
    const large = new Message(Buffer.alloc(262_145));
    await expect(client.sendEvent(large)).rejects.toMatchObject({ name: "MessageTooLargeError" });
  });

  it("receives messages in order; completes, abandons and rejects them", async () => {
    const subject = await register(hub, "device");
    const client = await httpClient(subject.connectionString());
    const inbox = new Inbox<DeviceMessage>();
    client.on("message", (message: DeviceMessage) => inbox.add(message));

    await send(subject, "first", {
      "iothub-contenttype": "text/plain",
      "iothub-app-color": "red",
    });
    const first = await inbox.next();
    expect([first.getBytes().toString(), first.messageId]).toEqual(['"first"', "first"]);
    expect(first.properties.getValue("iothub-app-color")).toBe("red");
    await client.abandon(first);
    const again = await inbox.next();
    expect(again.messageId).toBe("first");
    await client.complete(again);
    await expect(client.complete(again)).rejects.toMatchObject({
      response: { statusCode: 412, headers: { "iothub-errorcode": "DeviceMessageLockLost" } },
    });

    await send(subject, "second");
    await client.reject(await inbox.next());
    expect(await pending(subject)).toBe(0);

    hub.clock.advance(15_000);
    const { body } = await hub.call("GET", "/messages/serviceBound/feedback");
    expect(
      body.map(({ originalMessageId, statusCode }: Record<string, string>) => [
        originalMessageId,
        statusCode,
      ]),
    ).toEqual([
      ["first", "Success"],
      ["second", "Rejected"],
    ]);
  });
});
