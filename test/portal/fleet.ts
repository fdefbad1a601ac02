import { ModuleClient, Client, Message } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import type { TestHub } from "../../src/testing/index.ts";

/** A client of the unmodified SDK that reports, sends and answers methods. */
export interface Simulated {
  report(patch: object): Promise<void>;
  send(body: object): Promise<void>;
  /** Desired changes that have arrived. */
  readonly desired: readonly object[];
  close(): Promise<void>;
}

export async function simulate(hub: TestHub, connectionString: string): Promise<Simulated> {
  const isModule = connectionString.includes("ModuleId=");
  const client = isModule
    ? ModuleClient.fromConnectionString(connectionString, Mqtt)
    : Client.fromConnectionString(connectionString, Mqtt);
  await client.setOptions({ ca: hub.caPem });
  await client.open();
  const desired: object[] = [];
  const twin = await client.getTwin();
  twin.on("properties.desired", (change: object) => desired.push(change));
  const onMethod = (
    request: { methodName: string; payload: unknown },
    response: {
      send(status: number, payload: unknown, done?: (error?: Error) => void): Promise<void>;
    },
  ): void => void response.send(200, { done: request.methodName, echo: request.payload });
  if (client instanceof ModuleClient) client.onMethod("reboot", onMethod as never);
  else client.onDeviceMethod("reboot", onMethod);
  return {
    desired,
    report: (patch) =>
      new Promise((resolve, reject) => {
        twin.properties.reported.update(patch, (error: Error | null) =>
          error === null || error === undefined ? resolve() : reject(error),
        );
      }),
    async send(body) {
      const message = new Message(JSON.stringify(body));
      message.contentType = "application/json";
      message.contentEncoding = "utf-8";
      message.properties.add("level", "info");
      await client.sendEvent(message);
    },
    close: async () => {
      await client.close();
    },
  };
}

/** A small fleet: ten rooms, each a device with a module for its climate, of which the first three are connected. */
export async function makeFleet(hub: TestHub): Promise<readonly Simulated[]> {
  const connected: Simulated[] = [];
  for (let room = 1; room <= 10; room += 1) {
    const deviceId = `room-${String(room).padStart(3, "0")}`;
    await hub.createDevice(deviceId, room === 10 ? { status: "disabled" } : {});
    const module = await hub.createModule(deviceId, "climate");
    await hub.createModule(deviceId, "door");
    await hub.call("PATCH", `/twins/${deviceId}/modules/climate`, {
      tags: { site: room < 6 ? "berlin" : "bonn", floor: room % 3 },
      properties: {
        desired: { climate: { minTemperature: 19, maxTemperature: 24 }, intervalSeconds: 60 },
      },
    });
    if (room > 3) continue;
    const client = await simulate(hub, module.connectionString);
    await client.report({
      firmware: "1.4.2",
      climate: { temperature: 20 + room, humidity: 40 + room },
      battery: 90 - room,
    });
    await client.send({ temperature: 20 + room, humidity: 40 + room });
    connected.push(client);
  }
  return connected;
}
