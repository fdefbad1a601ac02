import { describe, expect, it } from "vitest";
import device from "azure-iot-device";
import type { Client, Message } from "azure-iot-device";
import { hubOfFile } from "./hub.ts";
import {
  type DeviceSideClient,
  Inbox,
  type Kind,
  type Protocol,
  type Subject,
  kinds,
  once,
  openClient,
  register,
  watch,
} from "./support.ts";

const hub = await hubOfFile();

const overAmqp: readonly Protocol[] = ["amqp", "amqp-ws"];
const cases: readonly { kind: Kind; protocol: Protocol }[] = kinds.flatMap((kind) =>
  overAmqp.map((protocol) => ({ kind, protocol })),
);
const retryAtOnce = { shouldRetry: () => true, nextRetryTimeout: () => 50 };

describe.each(cases)("a $kind over $protocol", ({ kind, protocol }) => {
  it.each(["KillAmqpConnection", "KillAmqpSession", "KillAmqpD2CLink", "KillTcp"])(
    "goes on by itself after %s, with all that it does",
    async (fault) => {
      const subject = await register(hub, kind);
      const client = await openClient(hub, subject, { protocol, retry: true });
      client.setRetryPolicy(retryAtOnce);
      answer(client, "echo");
      const messages = new Inbox<Message>();
      if (kind === "device") client.on("message", (message: Message) => messages.add(message));
      const { changes } = await watch(client);
      expect(await invoke(subject, "echo", 1)).toBe(1);
      await client.sendEvent(new device.Message("before"));

      const back = once(client, "connect");
      await client.sendEvent(asking(fault));
      // After the end of a single link the SDK tells the application nothing: it attaches again for the next message.
      if (fault !== "KillAmqpD2CLink") await back;

      for (let n = 0; n < 10; n++) await client.sendEvent(new device.Message(`after ${n}`));
      await subject.desired({ a: 1 });
      expect(await changes.next()).toEqual({ a: 1, $version: 2 });
      expect(await invoke(subject, "echo", 2)).toBe(2);
      if (kind === "device") {
        await command(subject, "hello");
        const message = await messages.next();
        expect(JSON.parse(message.getBytes().toString())).toBe("hello");
        await (client as Client).complete(message);
      }
    },
  );

  it("attaches again for the next message when its only link is gone", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol, retry: true });
    await client.sendEvent(asking("KillAmqpD2CLink"));
    await expect.poll(() => reasons(subject)).toEqual(["faultInjection"]);
    await client.sendEvent(new device.Message("after"));
  });

  it.each([
    ["InvokeThrottling", "ThrottlingError"],
    ["InvokeMaxMessageQuota", "IotHubQuotaExceededError"],
    ["InvokeAuthError", "UnauthorizedError"],
  ])("sees %s as its %s, until it is over", async (fault, name) => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    await client.sendEvent(asking(fault, "60"));
    await expect
      .poll(() =>
        client.sendEvent(new device.Message("refused")).catch((error: Error) => error.name),
      )
      .toBe(name);
    hub.clock.advance(60_000);
    await client.sendEvent(new device.Message("after"));
  });
});

function asking(type: string, duration = "0"): Message {
  const message = new device.Message("fault");
  message.properties.add("AzIoTHub_FaultOperationType", type);
  message.properties.add("AzIoTHub_FaultOperationCloseReason", "boom");
  message.properties.add("AzIoTHub_FaultOperationDelayInSecs", "0");
  message.properties.add("AzIoTHub_FaultOperationDurationInSecs", duration);
  return message;
}

function answer(client: DeviceSideClient, name: string): void {
  const handle = (
    request: device.DeviceMethodRequest,
    response: device.DeviceMethodResponse,
  ): void => {
    response.send(200, request.payload, () => undefined);
  };
  if (client instanceof device.ModuleClient) client.onMethod(name, handle as never);
  else client.onDeviceMethod(name, handle);
}

async function invoke(subject: Subject, methodName: string, payload: unknown): Promise<unknown> {
  const body = { methodName, payload, connectTimeoutInSeconds: 20, responseTimeoutInSeconds: 20 };
  const path = `/twins${subject.path}/methods`.replace("/devices", "");
  const { body: result } = await hub.call("POST", path, body);
  return result.payload;
}

/** Why the connections of a device and its modules have ended, the newest first. */
async function reasons({ deviceId }: Subject): Promise<string[]> {
  const { body } = await hub.call("GET", "/$hub/connections/ended");
  return body
    .filter((end: { deviceId: string }) => end.deviceId === deviceId)
    .map((end: { reason: string }) => end.reason);
}

async function command(subject: Subject, body: string): Promise<void> {
  const { status } = await hub.call("POST", `${subject.path}/messages/deviceBound`, body);
  expect(status).toBe(204);
}
