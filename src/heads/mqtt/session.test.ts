import { describe, expect, it } from "vitest";
import type { TestClient } from "./testing/client.ts";
import { both, device, moduleOne, startTestHub } from "./testing/test-hub.ts";

const desired = "$iothub/twin/PATCH/properties/desired/#";
const answers = "$iothub/twin/res/#";

async function leave(client: TestClient): Promise<void> {
  client.send({ cmd: "disconnect" });
  await client.closed;
}

describe.each(both)("the session of a %s", (_, key) => {
  it("survives with its subscriptions, which count from CONNACK on (M7)", async () => {
    const test = await startTestHub();
    const first = await test.connect(key);
    await first.subscribe(desired);
    await leave(first);

    const second = test.open();
    const { connectPacket } = await import("./testing/client.ts");
    second.send(connectPacket(test.credentials(key)));
    expect(await second.next()).toMatchObject({ returnCode: 0, sessionPresent: true });
    await test.patchDesired(key, { a: 1 });
    expect(await second.nextPublish()).toEqual({
      topic: "$iothub/twin/PATCH/properties/desired/?$version=2",
      body: '{"a":1,"$version":2}',
      qos: 0,
    });
  });

  it("is forgotten by a clean CONNECT, whose subscriptions last as long as it (M7)", async () => {
    const test = await startTestHub();
    const { connectPacket } = await import("./testing/client.ts");
    const present = async (clean: boolean): Promise<[TestClient, boolean]> => {
      const client = test.open();
      client.send(connectPacket({ ...test.credentials(key), clean }));
      const connack = await client.next();
      return [client, connack.cmd === "connack" && connack.sessionPresent];
    };
    const [first, atFirst] = await present(false);
    await first.subscribe(desired);
    await leave(first);
    const [second, atClean] = await present(true);
    await second.subscribe(desired, answers);
    await test.patchDesired(key, { a: 1 });
    expect((await second.nextPublish()).body).toBe('{"a":1,"$version":2}');
    await leave(second);
    const [third, afterClean] = await present(false);
    await test.patchDesired(key, { a: 2 });
    await third.ping();
    expect([atFirst, atClean, afterClean, third.waiting]).toEqual([false, false, false, []]);
  });

  it("is stored before SUBACK leaves, and not again when nothing changes", async () => {
    const saved: string[][] = [];
    let release = (): void => {};
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        connections: {
          ...hub.connections,
          async saveSession(principal, subscriptions) {
            saved.push(subscriptions.map(({ filter, qos }) => `${filter} ${qos}`));
            await new Promise<void>((resolve) => {
              release = resolve;
            });
            await hub.connections.saveSession(principal, subscriptions);
          },
        },
      }),
    });
    const client = await test.connect(key);
    client.send({ cmd: "subscribe", messageId: 7, subscriptions: [{ topic: desired, qos: 2 }] });
    await client.ping();
    expect(client.waiting).toEqual([]);
    release();
    expect(await client.next()).toMatchObject({ cmd: "suback", messageId: 7, granted: [1] });
    client.send({ cmd: "subscribe", messageId: 8, subscriptions: [{ topic: desired, qos: 1 }] });
    expect(await client.next()).toMatchObject({ cmd: "suback", messageId: 8, granted: [1] });
    expect(saved).toEqual([[`${desired} 1`]]);
  });

  it("ends the connection, and does not answer 0x80, when it can't be stored", async () => {
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        connections: { ...hub.connections, saveSession: () => Promise.reject(new Error("disk")) },
      }),
    });
    const client = await test.connect(key);
    client.send({ cmd: "subscribe", messageId: 7, subscriptions: [{ topic: desired, qos: 0 }] });
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(await test.endings(key)).toEqual(["hubError"]);
  });

  it("grants the lower of the QoS asked for and 1, one code per filter in order (M18)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    const subscriptions = [
      { topic: "devices/+/messages/devicebound/#", qos: 2 as const },
      { topic: "#", qos: 0 as const },
      { topic: "devices/other/#", qos: 1 as const },
      { topic: "devices/dev1/modules/mod1/messages/devicebound/#", qos: 1 as const },
    ];
    client.send({ cmd: "subscribe", messageId: 1, subscriptions });
    expect(await client.next()).toMatchObject({ cmd: "suback", granted: [1, 0, 1, 1] });
  });

  it("never selects $iothub topics by a leading wild card, and delivers one copy (M18)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await client.subscribe("#", "+/twin/#");
    await test.patchDesired(key, { a: 1 });
    await client.ping();
    expect(client.waiting).toEqual([]);
    await client.subscribe(desired, "$iothub/#");
    await test.patchDesired(key, { a: 2 });
    await client.nextPublish();
    await client.ping();
    expect(client.waiting).toEqual([]);
  });

  it("holds at most 50 subscriptions", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await client.subscribe(...Array.from({ length: 50 }, (_unused, i) => `a/${i}`));
    await client.subscribe("a/0");
    client.send({ cmd: "subscribe", messageId: 9, subscriptions: [{ topic: "a/50", qos: 0 }] });
    await client.closed;
    expect(await test.endings(key)).toEqual(["protocolError"]);
  });

  it("shrinks by UNSUBSCRIBE, which is always answered and keeps the connection", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await client.subscribe(desired);
    client.send({ cmd: "unsubscribe", messageId: 5, unsubscriptions: [desired, "unknown/#"] });
    expect(await client.next()).toMatchObject({ cmd: "unsuback", messageId: 5 });
    client.send({ cmd: "unsubscribe", messageId: 6, unsubscriptions: ["unknown/#"] });
    expect(await client.next()).toMatchObject({ cmd: "unsuback", messageId: 6 });
    await test.patchDesired(key, { a: 1 });
    await client.ping();
    expect(client.waiting).toEqual([]);
    await leave(client);
    const again = await test.connect(key);
    await test.patchDesired(key, { a: 2 });
    await again.ping();
    expect(again.waiting).toEqual([]);
  });
});

describe("the sessions of a device and its module", () => {
  it("are apart: each hears of its own twin only (M18)", async () => {
    const test = await startTestHub();
    const onDevice = await test.connect(device);
    const onModule = await test.connect(moduleOne);
    await onDevice.subscribe(desired, "devices/#");
    await onModule.subscribe(desired, "devices/#");
    await test.patchDesired(device, { of: "device" });
    await test.patchDesired(moduleOne, { of: "module" });
    expect((await onDevice.nextPublish()).body).toContain('"device"');
    expect((await onModule.nextPublish()).body).toContain('"module"');
    await onDevice.ping();
    await onModule.ping();
    expect([onDevice.waiting, onModule.waiting]).toEqual([[], []]);
  });
});
