import { describe, expect, it } from "vitest";
import { HubError } from "../../domain/errors.ts";
import { both, device, moduleOne, startTestHub, type TestHub } from "./testing/test-hub.ts";
import { telemetryTopic } from "./topics.ts";

async function send(test: TestHub, own: string, suffixes: readonly string[]): Promise<void> {
  const client = await test.connect(own.includes("/modules/") ? moduleOne : device);
  for (const suffix of suffixes) {
    client.publish(own + suffix, "{}", { qos: 1 });
    expect((await client.next()).cmd).toBe("puback");
  }
}

describe.each(both)("telemetry of a %s", (_, key) => {
  const own = telemetryTopic(key);

  it("keeps its body, its properties and who sent it, in every SDK's spelling (M13, M23)", async () => {
    const test = await startTestHub();
    await send(test, own, [
      "",
      "/",
      "/%24.mid=m%2F1&%24.on=alert/",
      "/$.mid=m1&$.cdid=evil&$.cmid=evil&$.ct=UTF-8&a%20b=c%26d%3De/",
      "/app=first&%24.mid=m2",
      "/null&empty=&?q=1",
    ]);
    const logged = (await test.messages()).map(({ message }) => message);
    expect(logged.every((message) => message.key.moduleId === key.moduleId)).toBe(true);
    expect(logged.every((message) => message.authMethod.includes('"type":"sas"'))).toBe(true);
    expect(logged.map(({ system, application }) => [system, application])).toEqual([
      [{}, []],
      [{}, []],
      [{ messageId: "m/1", outputName: "alert" }, []],
      [{ messageId: "m1", contentType: "UTF-8" }, [["a b", "c&d=e"]]],
      [{ messageId: "m2" }, [["app", "first"]]],
      [
        {},
        [
          ["null", null],
          ["empty", ""],
          ["?q", "1"],
        ],
      ],
    ]);
  });

  it("may be empty, may be QoS 0, and RETAIN becomes a property (M12)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.publish(own, "");
    client.publish(`${own}/a=1`, "x", { qos: 1, retain: true });
    expect((await client.next()).cmd).toBe("puback");
    await client.ping();
    expect(client.waiting).toEqual([]);
    const logged = await test.messages();
    expect(logged.map(({ message }) => [message.body.length, message.application])).toEqual([
      [0, []],
      [
        1,
        [
          ["a", "1"],
          ["mqtt-retain", "true"],
        ],
      ],
    ]);
  });

  it("is acknowledged only after it is durable, in the order of arrival", async () => {
    const release: (() => void)[] = [];
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        telemetry: {
          send: () =>
            new Promise<void>((resolve) => {
              release.push(resolve);
            }),
        },
      }),
    });
    const client = await test.connect(key);
    const ids = [1, 2, 3].map(() => client.publish(own, "x", { qos: 1 }));
    await client.ping();
    expect([release.length, client.waiting]).toEqual([3, []]);
    release[2]?.();
    release[1]?.();
    await client.ping();
    expect(client.waiting).toEqual([]);
    client.chunks.length = 0;
    release[0]?.();
    for (const id of ids)
      expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    expect(client.chunks).toHaveLength(1);
  });

  it("of one segment is answered with one write", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.chunks.length = 0;
    client.send(
      ...Array.from({ length: 12 }, (_unused, i) => ({
        cmd: "publish" as const,
        topic: own,
        payload: "x",
        qos: 1 as const,
        messageId: i + 1,
        dup: false,
        retain: false,
      })),
      { cmd: "pingreq" },
    );
    const commands = [];
    for (let i = 0; i < 13; i++) commands.push((await client.next()).cmd);
    expect(commands.filter((cmd) => cmd === "puback")).toHaveLength(12);
    // The PINGRESP at once, the PUBACKs when the one commit is done.
    expect(client.chunks.length).toBeLessThanOrEqual(2);
  });

  it("stops being read at 16 messages in progress, and goes on when they are done", async () => {
    const release: (() => void)[] = [];
    let most = 0;
    let open = 0;
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        telemetry: {
          async send() {
            open++;
            most = Math.max(most, open);
            await new Promise<void>((resolve) => {
              release.push(resolve);
            });
            open--;
          },
        },
      }),
    });
    const client = await test.connect(key);
    for (let i = 0; i < 100; i++) client.publish(own, "x", { qos: 1 });
    let acknowledged = 0;
    while (acknowledged < 100) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const done of release.splice(0)) done();
      while (client.waiting.length > 0) {
        await client.next();
        acknowledged++;
      }
    }
    expect(most).toBe(16);
  });

  it.each([
    ["the topic of another identity", "devices/dev2/messages/events/"],
    ["the topic of another module", "devices/dev1/modules/mod2/messages/events/"],
    ["an unknown topic", "hello/world"],
    ["a twin topic that does not exist", "$iothub/twin/PATCH/properties/desired/?$rid=1"],
    ["a GET without a request id", "$iothub/twin/GET/"],
  ])("on %s ends the connection without an answer", async (_what, topic) => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.publish(topic, "x", { qos: 1 });
    await client.closed;
    expect([client.waiting, await test.endings(key), await test.messages()]).toEqual([
      [],
      ["protocolError"],
      [],
    ]);
  });

  it("with QoS 2 ends the connection without an answer (M11)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.publish(own, "x", { qos: 2 });
    await client.closed;
    expect([client.waiting, await test.endings(key)]).toEqual([[], ["protocolError"]]);
  });

  it("of 262,144 bytes is accepted, of one byte more ends the connection (M11)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.publish(own, Buffer.alloc(262_144), { qos: 1 });
    expect((await client.next()).cmd).toBe("puback");
    client.publish(`${own}/a`, Buffer.alloc(262_144), { qos: 1 });
    await client.closed;
    expect([client.waiting, await test.endings(key)]).toEqual([[], ["messageTooLarge"]]);
    expect(await test.messages()).toHaveLength(1);
  });

  it("that the hub refuses ends the connection; so does a bug, since nothing else can be said (M22)", async () => {
    for (const [error, reason] of [
      [new HubError("ThrottleBacklogLimitExceeded", "Too much telemetry"), "hubError"],
      [new HubError("IotHubUnauthorizedAccess", "The identity is gone"), "credentialsChanged"],
      [new TypeError("bug"), "hubError"],
    ] as const) {
      const test = await startTestHub({
        wrap: (hub) => ({ ...hub, telemetry: { send: () => Promise.reject(error) } }),
      });
      const client = await test.connect(key);
      client.publish(own, "x", { qos: 1 });
      await client.closed;
      expect([client.waiting, await test.endings(key)]).toEqual([[], [reason]]);
    }
  });

  it("may follow a method response to no open call, which is acknowledged and ignored (M17)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    const id = client.publish("$iothub/methods/res/200/?$rid=1f", '{"ok":true}', { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    client.publish("$iothub/methods/res/-3/?$rid=zz", "");
    client.publish(own, "x", { qos: 1 });
    expect((await client.next()).cmd).toBe("puback");
    expect(await test.messages()).toHaveLength(1);
  });
});
