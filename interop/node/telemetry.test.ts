import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import device from "azure-iot-device";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../src/observe/log.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { systemClock } from "../../src/system.ts";
import { startHub } from "../../src/testing/index.ts";
import { closeClients, kinds, openClient, protocols, register, trust } from "./support.ts";
import type { DeviceSideClient, Json } from "./support.ts";

const partitions = 2;

let hub: Awaited<ReturnType<typeof startHub>>;
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "twinhub-telemetry-"));
  hub = await startHub({ ports: "standard", dataDir, partitions });
  trust(hub);
});
afterEach(async () => {
  await closeClients();
  await hub.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const cases = kinds.flatMap((kind) => protocols.map((protocol) => ({ kind, protocol })));

describe.each(cases)("telemetry of a $kind over $protocol", ({ kind, protocol }) => {
  it("is kept with its properties and the sender's identity, in order", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    const message = new device.Message(JSON.stringify({ temperature: 21 }));
    message.messageId = "id/1";
    message.correlationId = "c 1";
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    message.properties.add("level", "high & dry");
    await client.sendEvent(message);
    for (let index = 0; index < 20; index++) await client.sendEvent(new device.Message(`${index}`));

    const kept = await keptAfterStop(client);
    expect(kept[0]).toEqual({
      key: { deviceId: subject.deviceId, ...(kind === "module" && { moduleId: "m1" }) },
      body: '{"temperature":21}',
      system: {
        messageId: "id/1",
        correlationId: "c 1",
        contentType: "application/json",
        contentEncoding: "utf-8",
      },
      application: [["level", "high & dry"]],
    });
    const bodies = kept.slice(1).map(({ body }) => body);
    expect(bodies).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  });
});

describe("telemetry", () => {
  it.each(kinds)(
    "of a %s over MQTT keeps every system property that the SDK can set",
    async (kind) => {
      const subject = await register(hub, kind);
      const client = await openClient(hub, subject, { protocol: "mqtt" });
      const message = new device.Message("x");
      message.messageId = "m 1";
      message.correlationId = "c/1";
      message.userId = "u&1";
      message.to = "/somewhere";
      message.contentType = "application/json";
      message.contentEncoding = "utf-8";
      message.interfaceId = "urn:i";
      message.expiryTimeUtc = new Date("2030-01-01T00:00:00Z");
      message.properties.add("dt-subject", "thermostat1");
      message.properties.add("ü", "%41?#+/=");
      await client.sendEvent(message);
      const [kept] = await keptAfterStop(client);
      expect(kept).toMatchObject({
        system: {
          messageId: "m 1",
          correlationId: "c/1",
          userId: "u&1",
          to: "/somewhere",
          contentType: "application/json",
          contentEncoding: "utf-8",
          interfaceId: "urn:i",
          expiryTimeUtc: "2030-01-01T00:00:00.000Z",
          component: "thermostat1",
        },
        application: [["ü", "%41?#+/="]],
      });
    },
  );

  it("of a module keeps the name of the output", async () => {
    const subject = await register(hub, "module");
    const client = await openClient(hub, subject);
    if (!(client instanceof device.ModuleClient)) throw new Error("not a module");
    await client.sendOutputEvent("alerts", new device.Message("hot"));
    const [kept] = await keptAfterStop(client);
    expect(kept).toMatchObject({ body: "hot", system: { outputName: "alerts" } });
  });

  it("of 256 KiB is accepted, and of more it is not", async () => {
    const subject = await register(hub, "device");
    const client = await openClient(hub, subject);
    const largest = 262_144;
    await client.sendEvent(new device.Message(Buffer.alloc(largest, 65)));
    const tooLarge = client.sendEvent(new device.Message(Buffer.alloc(largest + 1, 65)));
    await expect(tooLarge).rejects.toThrow(/./);
    const kept = await keptAfterStop(client);
    expect(kept.map(({ body }) => body.length)).toEqual([largest]);
  });
});

interface Kept {
  readonly key: Json;
  readonly body: string;
  readonly system: Json;
  readonly application: readonly (readonly [string, string | null])[];
}

/** Stops the hub and reads its event log, as a hub that starts again does. */
async function keptAfterStop(client: DeviceSideClient): Promise<readonly Kept[]> {
  await client.close();
  await hub.stop();
  const store = await openSqliteStore({
    directory: dataDir,
    clock: systemClock,
    partitions,
    durability: "os",
    log: createLog("silent"),
  });
  try {
    const kept: Kept[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      for (const { message } of await store.eventLog.read(partition, 1, 1000)) {
        if (message.source !== "Telemetry") continue;
        const { key, system, application } = message;
        kept.push({
          key: { ...key },
          body: textOf(message.body),
          system: { ...system },
          application,
        });
      }
    }
    return kept;
  } finally {
    await store.close();
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
