import type { IConnectPacket } from "mqtt-packet";
import { describe, expect, it, vi } from "vitest";
import { gate } from "../../../test/support/gate.ts";
import { anyEtag } from "../../domain/identity/etag.ts";
import { keyText } from "../../domain/identity/key.ts";
import { connectPacket } from "./testing/client.ts";
import {
  both,
  device,
  disable,
  exampleKey,
  moduleOne,
  owner,
  startTestHub,
  type TestHub,
} from "./testing/test-hub.ts";
import { telemetryTopic } from "./topics.ts";

const desired = "$iothub/twin/PATCH/properties/desired/#";

/** The bodies and application properties of all messages, once `count` of them have come. */
async function messages(test: TestHub, count: number): Promise<[string, object][]> {
  return vi.waitFor(async () => {
    const logged = await test.messages();
    expect(logged).toHaveLength(count);
    return logged.map(({ message }) => [
      Buffer.from(message.body).toString(),
      Object.fromEntries(message.application),
    ]);
  });
}

/** The message `slow` waits for `release`; `asked` resolves when the hub has asked a connection to close. */
async function hubWithSlowTelemetry() {
  const slow = gate();
  const asked = gate();
  const test = await startTestHub({
    wrap: (hub) => ({
      ...hub,
      telemetry: {
        async send(principal, message) {
          if (Buffer.from(message.body).toString() === "slow") await slow.opened;
          await hub.telemetry.send(principal, message);
        },
      },
      connections: {
        ...hub.connections,
        open: (principal, link, options) =>
          hub.connections.open(
            principal,
            {
              ...link,
              close(reason) {
                link.close(reason);
                asked.open();
              },
            },
            options,
          ),
      },
    }),
  });
  return { test, asked: asked.opened, release: slow.open };
}

/** A CONNECT is answered after `release`. */
async function hubThatProvesLate() {
  const { opened, open } = gate();
  const test = await startTestHub({
    wrap: (hub) => ({
      ...hub,
      auth: {
        ...hub.auth,
        async identity(request) {
          await opened;
          return hub.auth.identity(request);
        },
      },
    }),
  });
  return { test, release: open };
}

describe.each(both)("the connection of a %s", (_, key) => {
  const own = telemetryTopic(key);
  const will = {
    topic: `${own}/a=1`,
    payload: Buffer.from("gone"),
    qos: 1 as const,
    retain: false,
  };
  const published: [string, object] = ["gone", { a: "1", "iothub-MessageType": "Will" }];

  it("ends when a newer one comes: its will is published, its subscriptions stay (M9)", async () => {
    const test = await startTestHub();
    const first = await test.connect(key, { will });
    await first.subscribe(desired);
    const second = await test.connect(key);
    await first.closed;
    expect(await messages(test, 1)).toEqual([published]);
    await test.patchDesired(key, { a: 1 });
    expect((await second.nextPublish()).body).toBe('{"a":1,"$version":2}');
    second.send({ cmd: "disconnect" });
    expect(await test.endings(key)).toEqual(["newerConnection", "clientDisconnected"]);
  });

  it("ends after one and a half times the keep-alive, unless a packet comes (M10)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key, { keepalive: 60, will });
    test.clock.advance(89_000);
    await client.ping();
    test.clock.advance(89_999);
    await client.ping();
    test.clock.advance(90_000);
    await client.closed;
    expect(await test.endings(key)).toEqual(["keepAliveExpired"]);
    expect(await messages(test, 1)).toEqual([published]);
  });

  it.each([0, 65_535])(
    "lasts 1,767 seconds in silence for a keep-alive of %i (M10)",
    async (keepalive) => {
      const test = await startTestHub();
      const client = await test.connect(key, { keepalive });
      test.clock.advance(1_766_999);
      await client.ping();
      test.clock.advance(1_766_999);
      expect(client.serverEnd.writableEnded).toBe(false);
      test.clock.advance(1);
      await client.closed;
      expect(await test.endings(key)).toEqual(["keepAliveExpired"]);
    },
  );

  it("has one timer, however many packets come", async () => {
    const test = await startTestHub();
    const before = test.clock.pending;
    const client = await test.connect(key);
    for (let i = 0; i < 20; i++) {
      await client.ping();
      test.clock.advance(1_000);
    }
    expect(test.clock.pending).toBe(before + 1);
    client.send({ cmd: "disconnect" });
    await client.closed;
    await test.endings(key);
    expect(test.clock.pending).toBe(before);
  });

  it("ends when its token and the grace are over, and can be taken up again (M19)", async () => {
    const test = await startTestHub({ limits: { expiryGrace: 5_000 } });
    const token = test.credentials(key, { expires: test.clock.now() + 60_000 });
    const client = await test.connect(key, { ...token, will });
    await client.subscribe(desired);
    test.clock.advance(64_999);
    await client.ping();
    test.clock.advance(1);
    await client.closed;
    expect(await test.endings(key)).toEqual(["tokenExpired"]);
    expect(await messages(test, 1)).toEqual([published]);
    const again = await test.connect(key);
    await test.patchDesired(key, { a: 1 });
    expect((await again.nextPublish()).body).toBe('{"a":1,"$version":2}');
  });

  it("ends when the device is disabled, after what was accepted has been answered (M20)", async () => {
    const { test, asked, release } = await hubWithSlowTelemetry();
    const client = await test.connect(key, { will });
    const id = client.publish(own, "slow", { qos: 1 });
    await client.ping();
    await disable(test.hub, "dev1");
    await asked;
    client.publish(own, "late", { qos: 1 });
    expect(client.serverEnd.writableEnded).toBe(false);
    release();
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(await test.endings(key)).toEqual(["identityDisabled"]);
    expect(await messages(test, 2)).toEqual([["slow", {}], published]);
  });

  it("does not wait longer than a second for what was accepted", async () => {
    const { test, asked } = await hubWithSlowTelemetry();
    const client = await test.connect(key);
    client.publish(own, "slow", { qos: 1 });
    await client.ping();
    await disable(test.hub, "dev1");
    await asked;
    test.clock.advance(999);
    expect(client.serverEnd.writableEnded).toBe(false);
    test.clock.advance(1);
    await client.closed;
    expect(await test.endings(key)).toEqual(["identityDisabled"]);
  });

  it("ends when the identity is deleted, without a will (M20)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key, { will });
    await test.hub.identities.delete(owner, key, anyEtag);
    await client.closed;
    expect(await test.messages()).toEqual([]);
  });

  it("ends when the key that it was opened with is replaced", async () => {
    const test = await startTestHub();
    const client = await test.connect(key, { will });
    await test.hub.identities.regenerateKeys(owner, "both", [key]);
    await client.closed;
    expect([await test.endings(key), await test.messages()]).toEqual([["credentialsChanged"], []]);
  });

  it("that is lost publishes its will; one that says DISCONNECT does not (M12)", async () => {
    const test = await startTestHub();
    const lost = await test.connect(key, { will });
    lost.reset();
    expect(await messages(test, 1)).toEqual([published]);
    const ended = await test.connect(key, { will: { ...will, retain: true } });
    ended.end();
    const retained: [string, object] = ["gone", { ...published[1], "mqtt-retain": "true" }];
    expect(await messages(test, 2)).toEqual([published, retained]);
    const orderly = await test.connect(key, { will });
    orderly.send({ cmd: "disconnect" });
    await orderly.closed;
    expect(await test.endings(key)).toEqual(["networkLost", "networkLost", "clientDisconnected"]);
    expect(await test.messages()).toHaveLength(2);
  });

  it.each([
    ["for a foreign topic", { topic: "devices/dev9/messages/events/" }],
    ["with QoS 2", { qos: 2 as const }],
  ])("is accepted with a will %s, which is dropped", async (_what, change) => {
    const test = await startTestHub();
    const options: Partial<IConnectPacket> = { will: { ...will, ...change } };
    const client = await test.connect(key, options);
    client.reset();
    expect(await test.endings(key)).toEqual(["networkLost"]);
    expect(await test.messages()).toEqual([]);
    expect(test.logged.some(({ message }) => message.startsWith("a will was dropped"))).toBe(true);
  });

  it("finishes what a client sent before it left, without waiting for answers", async () => {
    for (const leave of ["disconnect", "end", "reset"] as const) {
      const test = await startTestHub();
      const client = await test.connect(key);
      for (let i = 0; i < 40; i++) client.publish(own, String(i));
      client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", '{"left":true}');
      if (leave === "disconnect") client.send({ cmd: "disconnect" });
      if (leave === "reset") await client.ping();
      if (leave === "end") client.end();
      if (leave === "reset") client.reset();
      expect(await test.endings(key)).toHaveLength(1);
      expect(await test.messages()).toHaveLength(40);
      const reported = (await test.hub.twins.get(owner, key)).body["properties"];
      expect(reported).toMatchObject({ reported: { left: true } });
    }
  });

  it("ends at a second CONNECT and at malformed packets, without an answer (M11)", async () => {
    for (const bytes of [
      "10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61",
      "30 ff ff ff ff 01",
      "32 05 00 01 61 00 00",
      "c1 00",
      "20 02 00 00",
      "00 00",
    ]) {
      const test = await startTestHub();
      const client = await test.connect(key, { will });
      client.sendBytes(Buffer.from(bytes.replaceAll(" ", ""), "hex"));
      await client.closed;
      expect([client.waiting, await test.endings(key)]).toEqual([[], ["protocolError"]]);
      expect(await messages(test, 1)).toEqual([published]);
    }
  });

  it("ends at a declared length above the limit, before the packet has come (M11)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.sendBytes(Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f));
    await client.closed;
    expect(await test.endings(key)).toEqual(["messageTooLarge"]);
  });

  it("ends when the client takes nothing any more, and nothing piles up", async () => {
    const test = await startTestHub({ limits: { outputBytes: 50_000 } });
    const client = await test.connect(key);
    await client.subscribe(desired);
    client.stopReading();
    const padding = "x".repeat(3_000);
    for (let i = 0; i < 60 && !client.serverEnd.destroyed; i++)
      await test.patchDesired(key, { padding, i });
    expect(client.serverEnd.destroyed).toBe(true);
    expect(client.serverEnd.writableLength).toBeLessThanOrEqual(50_000);
    expect(await test.endings(key)).toEqual(["slowReader"]);
  });

  it("works when every chunk holds one byte (M2)", async () => {
    const test = await startTestHub();
    const client = test.open();
    const { generate } = await import("mqtt-packet");
    const stream = Buffer.concat([
      generate(connectPacket(test.credentials(key))),
      generate({
        cmd: "subscribe",
        messageId: 1,
        subscriptions: [{ topic: "$iothub/twin/res/#", qos: 0 }],
      }),
      generate({
        cmd: "publish",
        topic: own,
        payload: "hello",
        qos: 1,
        messageId: 2,
        dup: false,
        retain: false,
      }),
    ]);
    for (const byte of stream) client.sendBytes(Buffer.of(byte));
    const commands = [];
    for (let i = 0; i < 3; i++) commands.push((await client.next()).cmd);
    expect(commands).toEqual(["connack", "suback", "puback"]);
    expect(await messages(test, 1)).toEqual([["hello", {}]]);
  });

  it("that is gone before its CONNECT was answered is known to be gone", async () => {
    const test = await startTestHub();
    const client = test.open();
    client.send(connectPacket(test.credentials(key)));
    client.reset();
    expect(await test.endings(key)).toEqual(["networkLost"]);
  });

  it("leaves nothing of itself with a stream that has closed, and survives what that still says", async () => {
    const test = await startTestHub();
    for (const leave of ["disconnect", "reset"] as const) {
      const client = await test.connect(key);
      const { serverEnd } = client;
      const closed = new Promise((resolve) => serverEnd.once("close", resolve));
      if (leave === "disconnect") client.send({ cmd: "disconnect" });
      else client.reset();
      await closed;
      const left = ["data", "end", "close", "drain"].map((name) => serverEnd.listenerCount(name));
      expect(left).toEqual([0, 0, 0, 0]);
      expect(serverEnd.emit("error", new Error("late"))).toBe(true);
    }
    expect(await test.endings(key)).toEqual(["clientDisconnected", "networkLost"]);
  });

  it("answers a CONNECT whose client has closed its side before it was proven, and takes what came behind", async () => {
    const { test, release } = await hubThatProvesLate();
    const client = test.open();
    client.send(connectPacket(test.credentials(key)));
    await vi.waitFor(() => expect(client.serverEnd.isPaused()).toBe(true));
    client.publish(own, "behind");
    client.end();
    release();
    expect(await client.next()).toMatchObject({ cmd: "connack", returnCode: 0 });
    expect((await messages(test, 1)).map(([body]) => body)).toEqual(["behind"]);
    expect(await test.endings(key)).toEqual(["networkLost"]);
  });

  it("tells the hub of its end exactly once", async () => {
    const ended: string[] = [];
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        connections: {
          ...hub.connections,
          async open(...args) {
            const opened = await hub.connections.open(...args);
            return { ...opened, ended: (reason) => ended.push(reason) };
          },
        },
      }),
    });
    const first = await test.connect(key);
    const second = await test.connect(key);
    second.send({ cmd: "disconnect" }, { cmd: "pingreq" }, { cmd: "disconnect" });
    await Promise.all([first.closed, second.closed]);
    await test.head.stop();
    expect(ended).toEqual(["newerConnection", "clientDisconnected"]);
  });
});

describe("a desired change while a CONNECT is being answered", () => {
  it("is delivered behind the CONNACK", async () => {
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        connections: {
          ...hub.connections,
          async open(principal, link, options) {
            const opened = await hub.connections.open(principal, link, options);
            link.pushDesired({ early: true }, 9);
            return opened;
          },
        },
      }),
    });
    const first = await test.connect(moduleOne);
    await first.subscribe(desired);
    const second = await test.connect(moduleOne);
    expect((await second.nextPublish()).body).toBe('{"early":true,"$version":9}');
  });
});

describe("a client that does not close", () => {
  it("is cut off two seconds after the hub has closed", async () => {
    const test = await startTestHub();
    const client = await test.connect(device);
    client.stopReading();
    client.sendBytes(Buffer.of(0xc1, 0x00));
    await vi.waitFor(() => expect(client.serverEnd.writableEnded).toBe(true));
    expect(client.serverEnd.destroyed).toBe(false);
    test.clock.advance(2_000);
    expect(client.serverEnd.destroyed).toBe(true);
  });
});

describe("stopping the head", () => {
  it("answers what was accepted, publishes no will, and resolves when all are gone", async () => {
    const test = await startTestHub();
    const clients = [];
    for (const [, key] of both) {
      const topic = telemetryTopic(key);
      const will = { topic, payload: Buffer.from("gone"), qos: 0 as const, retain: false };
      clients.push(await test.connect(key, { will }));
    }
    const unknown = test.open();
    const id = clients[0]?.publish(telemetryTopic(device), "last", { qos: 1 });
    await vi.waitFor(async () => expect(await test.messages()).toHaveLength(1));
    await test.head.stop();
    expect(clients[0]?.waiting).toMatchObject([{ cmd: "puback", messageId: id }]);
    await Promise.all([unknown.closed, ...clients.map(({ closed }) => closed)]);
    expect(await messages(test, 1)).toEqual([["last", {}]]);
    for (const [, key] of both) expect(await test.endings(key)).toEqual(["hubStopping"]);
  });

  it("waits for a CONNECT that is being answered, and refuses it with 3", async () => {
    const { test, release } = await hubThatProvesLate();
    const client = test.open();
    client.send(connectPacket(test.credentials(device)));
    await new Promise((resolve) => setImmediate(resolve));
    const stopped = test.head.stop();
    expect(await client.next()).toMatchObject({ cmd: "connack", returnCode: 3 });
    release();
    await stopped;
    expect(await test.endings(device)).toEqual(["hubStopping"]);
  });
});

describe("a device's and its module's connections", () => {
  it("live side by side, over TLS and WebSocket (spec/mqtt §4.1)", async () => {
    const test = await startTestHub();
    const onDevice = await test.connect(device);
    const overWebSocket = test.open({ transport: "websocket" });
    overWebSocket.send(connectPacket(test.credentials(moduleOne, { key: exampleKey })));
    await overWebSocket.next();
    await onDevice.ping();
    await overWebSocket.ping();
    const events = await test.store.events(0, 100);
    const protocols = events.flatMap(({ event }) =>
      event.type === "connectionChanged" ? [`${keyText(event.key)} ${event.protocol}`] : [],
    );
    expect(protocols).toEqual(["dev1 mqtt", "dev1/mod1 mqtt-ws"]);
  });
});
