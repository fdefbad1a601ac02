import { describe, expect, it, vi } from "vitest";
import { faultTypes } from "../../domain/messages/fault.ts";
import type { Peer } from "../head.ts";
import { connectPacket } from "./testing/client.ts";
import type { TestClient } from "./testing/client.ts";
import { both, startTestHub, type TestHub } from "./testing/test-hub.ts";
import { telemetryTopic } from "./topics.ts";

const ofMqtt = [
  "KillTcp",
  "ShutDownMqtt",
  "InvokeThrottling",
  "InvokeMaxMessageQuota",
  "InvokeAuthError",
] as const;
const ofAmqp = faultTypes.filter((type) => !ofMqtt.some((own) => own === type));

function bag(type: string, delay = "2"): string {
  return [
    `AzIoTHub_FaultOperationType=${type}`,
    "AzIoTHub_FaultOperationCloseReason=%20severs%20the%20TCP%20connection%20",
    `AzIoTHub_FaultOperationDelayInSecs=${delay}`,
    "AzIoTHub_FaultOperationDurationInSecs=5",
  ].join("&");
}

async function bodiesOf(test: TestHub): Promise<string[]> {
  const logged = await test.messages();
  return logged.map(({ message }) => Buffer.from(message.body).toString());
}

describe.each(both)("a fault that a %s asks for", (_, key) => {
  const own = telemetryTopic(key);

  it.each(ofMqtt)(
    "ends the connection after its delay: %s is neither acknowledged nor kept",
    async (type) => {
      const test = await startTestHub();
      const will = { topic: own, payload: Buffer.from("will"), qos: 1 as const, retain: false };
      const client = await test.connect(key, { will });
      client.publish(`${own}/${bag(type)}`, "fault", { qos: 1 });
      const id = client.publish(own, "after", { qos: 1 });
      expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
      test.clock.advance(1_999);
      await client.ping();
      expect(client.waiting).toEqual([]);
      test.clock.advance(1);
      await client.closed;
      expect(client.waiting).toEqual([]);
      expect(await test.endings(key)).toEqual(["faultInjection"]);
      await vi.waitFor(async () => expect(await bodiesOf(test)).toEqual(["after", "will"]));
      // Nothing of it is left: the next connection works at once, during the fault's duration too.
      const again = await test.connect(key);
      again.publish(own, "again", { qos: 1 });
      expect((await again.next()).cmd).toBe("puback");
    },
  );

  it("resets the connection only for KillTcp", async () => {
    for (const type of ofMqtt) {
      const test = await startTestHub();
      let resets = 0;
      const peer: Partial<Peer> = { reset: () => resets++ };
      const client = test.open(peer);
      client.send(connectPacket(test.credentials(key)));
      expect((await client.next()).cmd).toBe("connack");
      client.publish(`${own}/${bag(type, "0")}`, "fault");
      await client.ping();
      test.clock.advance(0);
      await client.closed;
      expect([type, resets]).toEqual([type, type === "KillTcp" ? 1 : 0]);
    }
  });

  it.each([...ofAmqp, "killtcp", "Explode"])("is an ordinary message if it is %s", async (type) => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.publish(`${own}/${bag(type, "0")}`, "kept", { qos: 1 });
    expect((await client.next()).cmd).toBe("puback");
    test.clock.advance(60_000);
    await client.ping();
    expect(await bodiesOf(test)).toEqual(["kept"]);
  });

  it("is an ordinary message if the hub does no such thing", async () => {
    const test = await startTestHub({ faultInjection: false });
    const client = await test.connect(key);
    client.publish(`${own}/${bag("KillTcp", "0")}`, "kept", { qos: 1 });
    expect((await client.next()).cmd).toBe("puback");
    test.clock.advance(60_000);
    await client.ping();
    expect(await bodiesOf(test)).toEqual(["kept"]);
  });

  it("is one at a time, and forgotten when the connection ends before", async () => {
    const test = await startTestHub();
    const before = test.clock.pending;
    const client = await test.connect(key);
    await sendFaults(client, own, 5);
    expect(test.clock.pending).toBe(before + 2);
    client.send({ cmd: "disconnect" });
    await client.closed;
    expect(await test.endings(key)).toEqual(["clientDisconnected"]);
    expect(test.clock.pending).toBe(before);
  });
});

async function sendFaults(client: TestClient, own: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) client.publish(`${own}/${bag("KillTcp")}`, "fault", { qos: 1 });
  await client.ping();
}
