import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, type TestIdentity, startHub } from "../src/testing/index.ts";
import { createSasToken } from "../src/wire/sas-token.ts";
import { MqttClient } from "./support/mqtt-client.ts";

let hub: TestHub;
let identities: readonly TestIdentity[];
beforeAll(async () => {
  hub = await startHub();
  identities = [await hub.createDevice("d1"), await hub.createModule("d1", "m1")];
});
afterAll(() => hub.stop());

function connect({ deviceId, moduleId, primaryKey: key }: TestIdentity) {
  const ids = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  const resource = `${hub.hostName}/devices/${ids.replace("/", "/modules/")}`;
  const expiry = Math.floor(hub.clock.now() / 1000) + 3600;
  return MqttClient.connect(
    { host: "127.0.0.1", port: hub.ports.mqtts, ca: hub.caPem },
    {
      clientId: ids,
      username: `${hub.hostName}/${ids}/?api-version=2021-04-12`,
      password: Buffer.from(createSasToken({ resource, key, expiry })),
    },
  );
}

describe("a client that asks over TLS for the end of its connection", () => {
  it.each([
    ["KillTcp", "ECONNRESET"],
    ["ShutDownMqtt", undefined],
    ["InvokeThrottling", undefined],
  ])("sees %s as %s", async (type, code) => {
    for (const identity of identities) {
      const { client } = await connect(identity);
      const module = identity.moduleId === undefined ? "" : `/modules/${identity.moduleId}`;
      const topic = `devices/${identity.deviceId}${module}/messages/events`;
      client.publish(`${topic}/AzIoTHub_FaultOperationType=${type}`, "fault", 1, 1);
      expect(await client.closed).toBe(code);
    }
  });
});
