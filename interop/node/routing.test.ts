import https from "node:https";
import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";
import device from "azure-iot-device";
import type { ReceivedEventData } from "@azure/event-hubs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import {
  Inbox,
  closeClients,
  kinds,
  openClient,
  register,
  registryOf,
  subjectOf,
} from "./support.ts";
import type { Subject } from "./support.ts";
import { trustTls } from "./trust-tls.ts";

const hub = await hubOfFile({ partitions: 2 });
let open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  trustTls(hub);
});
afterEach(async () => {
  await Promise.all(open.map((close) => close()));
  open = [];
  await closeClients();
  for (const { name } of (await hub.call("GET", "/$hub/routes")).body)
    await hub.call("DELETE", `/$hub/routes/${name}`);
});

async function route(source: string, condition = "", endpoint = "events"): Promise<void> {
  const body = { source, condition, endpointNames: [endpoint] };
  const { status } = await hub.call("PUT", `/$hub/routes/${source}`, body);
  expect(status).toBe(201);
}

interface LiveEvent {
  readonly source: string;
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly applicationProperties: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Messages of a device and its modules, live, as any HTTP client reads them. */
async function live({ deviceId }: Pick<Subject, "deviceId">): Promise<Inbox<LiveEvent>> {
  const inbox = new Inbox<LiveEvent>();
  const authorization = createSasToken({
    resource: hub.hostName,
    key: /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? "",
    expiry: Math.floor(Date.now() / 1000) + 3600,
    policy: "iothubowner",
  });
  const request = https.get({
    host: hub.hostName,
    port: hub.ports.https,
    path: `/$hub/events?deviceId=${deviceId}`,
    ca: hub.caPem,
    agent: false,
    headers: { authorization },
  });
  open.push(async () => void request.destroy());
  request.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    request.once("response", (response) => {
      expect(response.statusCode).toBe(200);
      let text = "";
      response.setEncoding("utf8");
      response.on("error", () => undefined);
      response.on("data", (chunk: string) => {
        const parts = (text + chunk).split("\n\n");
        text = parts.pop() ?? "";
        for (const part of parts) {
          const data = /^data: (.*)$/m.exec(part)?.[1];
          if (data !== undefined) inbox.add(JSON.parse(data) as LiveEvent);
          resolve();
        }
      });
    });
    request.once("error", reject);
  });
  return inbox;
}

describe.each(kinds)("a route for twin changes of a %s", (kind) => {
  it("shows every change that the registry SDK makes among the live events", async () => {
    const subject = await register(hub, kind);
    const events = await live(subject);
    await subject.desired({ before: 1 });
    await route("TwinChangeEvents");

    await subject.desired({ interval: "5m" });
    const ids = { deviceId: subject.deviceId, ...(kind === "module" && { moduleId: "m1" }) };
    const changed = await events.next();
    expect(changed).toMatchObject({
      ...ids,
      source: "twinChangeEvents",
      applicationProperties: {
        ...ids,
        opType: "updateTwin",
        "iothub-message-schema": "twinChangeNotification",
      },
      body: { version: 4, properties: { desired: { interval: "5m", $version: 3 } } },
    });
    expect(changed.applicationProperties["hubName"]).toBe(hub.hostName);
  });

  it("can choose those that touch a property", async () => {
    const subject = await register(hub, kind);
    const events = await live(subject);
    await route("TwinChangeEvents", "twin_change_includes(properties.desired.fan)");
    await subject.desired({ light: 1 });
    await subject.desired({ fan: 2 });
    const { body } = await events.next();
    expect(body).toMatchObject({ properties: { desired: { fan: 2, $version: 3 } } });
  });

  it("hears of reports through the device SDK, and Event Hubs consumers hear of them", async () => {
    const subject = await register(hub, kind);
    await route("TwinChangeEvents", `$connectionDeviceId = '${subject.deviceId}'`);
    const client = await openClient(hub, subject);
    const twin = await client.getTwin();
    await new Promise<void>((resolve, reject) => {
      twin.properties.reported.update({ battery: 80 }, (error?: Error | null) =>
        error ? reject(error) : resolve(),
      );
    });

    const inbox = new Inbox<ReceivedEventData>();
    const consumer = new EventHubConsumerClient("$Default", hub.eventHubConnectionString ?? "");
    const subscription = consumer.subscribe(
      {
        processEvents: async (received) => {
          for (const event of received) inbox.add(event);
        },
        processError: async () => undefined,
      },
      { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
    );
    open.push(async () => {
      await subscription.close();
      await consumer.close();
    });
    for (;;) {
      const { systemProperties, properties, body } = await inbox.next();
      if (systemProperties?.["iothub-connection-device-id"] !== subject.deviceId) continue;
      expect(systemProperties["iothub-message-source"]).toBe("twinChangeEvents");
      expect(systemProperties["iothub-connection-module-id"]).toBe(subject.moduleId);
      expect(properties).toMatchObject({
        opType: "updateTwin",
        "iothub-message-schema": "twinChangeNotification",
      });
      expect(body).toMatchObject({ properties: { reported: { battery: 80, $version: 2 } } });
      break;
    }
  });
});

describe.each(kinds)("routes for the life of a %s", (kind) => {
  it("tell of its making, its connections and its end, with its module if it is one", async () => {
    const deviceId = `life-of-${kind}`;
    const moduleId = kind === "module" ? "m1" : undefined;
    const registry = registryOf(hub);
    if (moduleId !== undefined) await registry.create({ deviceId });
    const events = await live({ deviceId });
    await route("DeviceLifecycleEvents");
    await route("DeviceConnectionStateEvents");

    if (moduleId === undefined) await registry.create({ deviceId });
    else await registry.addModule({ deviceId, moduleId });
    const subject = await subjectOf(hub, deviceId, moduleId);
    const client = await openClient(hub, subject);
    await client.close();
    await subject.remove();

    const told = [
      await events.next(),
      await events.next(),
      await events.next(),
      await events.next(),
    ];
    expect(told.map((event) => event.applicationProperties["opType"])).toEqual([
      "createDeviceIdentity",
      "deviceConnected",
      "deviceDisconnected",
      "deleteDeviceIdentity",
    ]);
    for (const { moduleId: sender, applicationProperties } of told)
      expect([sender, applicationProperties["moduleId"]]).toEqual([moduleId, moduleId]);
    expect(told[0]?.body).toMatchObject({ deviceId, version: 2 });
    const [first, second] = told.slice(1, 3).map(({ body }) => String(body["sequenceNumber"]));
    expect(first?.length === 64 && second?.length === 64 && first < second).toBe(true);
  });
});

describe.each(kinds)("an endpoint that is another event log, for a %s", (kind) => {
  it("is read by Event Hubs clients with EntityPath, partitions and groups of its own", async () => {
    const name = `log-for-${kind}`;
    const subject = await register(hub, kind);
    const body = { type: "log", partitionCount: 3 };
    expect((await hub.call("PUT", `/$hub/endpoints/${name}`, body)).status).toBe(201);
    await hub.call("PUT", `/$hub/consumer-groups/analytics?endpoint=${name}`);
    await route("DeviceMessages", "", name);
    const client = await openClient(hub, subject);
    for (const text of ["one", "two"]) await client.sendEvent(new device.Message(text));

    const connection = (hub.eventHubConnectionString ?? "").replace(
      /EntityPath=.*/,
      `EntityPath=${name}`,
    );
    const consumer = new EventHubConsumerClient("analytics", connection);
    open.push(() => consumer.close());
    expect(await consumer.getEventHubProperties()).toMatchObject({
      name,
      partitionIds: ["0", "1", "2"],
    });
    const infos = await Promise.all(
      ["0", "1", "2"].map((partition) => consumer.getPartitionProperties(partition)),
    );
    expect(infos.filter((info) => !info.isEmpty)).toHaveLength(1);
    const inbox = new Inbox<ReceivedEventData>();
    const subscription = consumer.subscribe(
      {
        processEvents: async (received) => {
          for (const event of received) inbox.add(event);
        },
        processError: async () => undefined,
      },
      { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
    );
    open.push(() => subscription.close());
    const events = [await inbox.next(), await inbox.next()];
    expect(events.map((event) => String(event.body))).toEqual(["one", "two"]);
    expect(events.map((event) => event.systemProperties?.["iothub-connection-module-id"])).toEqual([
      subject.moduleId,
      subject.moduleId,
    ]);
    await subscription.close();

    await hub.call("DELETE", "/$hub/routes/DeviceMessages");
    expect((await hub.call("DELETE", `/$hub/endpoints/${name}`)).status).toBe(204);
    const late = new EventHubConsumerClient("$Default", connection);
    open.push(() => late.close());
    await expect(late.getPartitionProperties("0")).rejects.toMatchObject({
      code: "MessagingEntityNotFoundError",
    });
  });
});
