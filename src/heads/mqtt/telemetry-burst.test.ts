import * as fc from "fast-check";
import { generate, type IPublishPacket } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { refuseLater } from "../../app/completion.ts";
import type { HubApi, TelemetrySender } from "../../app/hub.ts";
import { HubError } from "../../domain/errors.ts";
import { both, startTestHub, type TestHub } from "./testing/test-hub.ts";
import type { TestClient } from "./testing/client.ts";
import { telemetryTopic } from "./topics.ts";

type SendTogether = TelemetrySender["sendTogether"];

/** A hub that takes each message by itself. */
function oneByOne(hub: HubApi): HubApi {
  return { ...hub, telemetry: { send: (...args) => hub.telemetry.send(...args) } };
}

/** A hub that takes messages together in the given way. */
function together(around: (send: SendTogether) => SendTogether) {
  return (hub: HubApi): HubApi => {
    const { sender } = hub.telemetry;
    if (sender === undefined) throw new Error("The hub takes no messages together");
    return {
      ...hub,
      telemetry: {
        send: (...args) => hub.telemetry.send(...args),
        sender: (principal) => {
          const known = sender(principal);
          return { sendTogether: around((...args) => known.sendTogether(...args)) };
        },
      },
    };
  };
}

function message(topic: string, id: number, changes: Partial<IPublishPacket> = {}): Buffer {
  const packet = { topic, payload: `body ${id}`, qos: 1, messageId: id, dup: false, retain: false };
  return generate({ cmd: "publish", ...packet, ...changes } as IPublishPacket);
}

/** Two messages by themselves, after which the topic is known. */
async function teach(client: TestClient, topic: string): Promise<void> {
  for (const id of [1001, 1002]) {
    client.sendBytes(message(topic, id));
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
  }
}

async function contents(test: TestHub): Promise<readonly unknown[]> {
  return (await test.messages()).map(({ message: { body, ...rest }, sequenceNumber }) => [
    sequenceNumber,
    Buffer.from(body).toString(),
    { ...rest, enqueuedTime: 0, generationId: "" },
  ]);
}

describe.each(both)("telemetry of a %s that arrives together", (_, key) => {
  const own = telemetryTopic(key);

  it("is kept and acknowledged as if each message had come by itself", async () => {
    const suffixes = [
      "",
      "/",
      "/a=1&$.ct=text",
      "/a=1&$.ct=text/",
      "/a=2",
      "/%24.mid=ü%20x",
      "/=&a",
    ];
    const packet = fc.record({
      suffix: fc.constantFrom(...suffixes),
      payload: fc.oneof(fc.string(), fc.constant("x".repeat(300))),
      qos: fc.constantFrom(0 as const, 1 as const),
      dup: fc.boolean(),
      retain: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(packet, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 5 }),
        async (packets, sizes) => {
          const stream = Buffer.concat(
            packets.map(({ suffix, qos, dup, ...rest }, index) =>
              message(own + suffix, index + 1, { ...rest, qos, dup: dup && qos === 1 }),
            ),
          );
          const run = async (wrap: (hub: HubApi) => HubApi) => {
            const test = await startTestHub({ wrap });
            const client = await test.connect(key);
            for (let at = 0, turn = 0; at < stream.length; turn++) {
              const size = sizes[turn % sizes.length] ?? 1;
              client.sendBytes(stream.subarray(at, at + size));
              at += size;
            }
            const acknowledged: unknown[] = [];
            for (const { qos } of packets) if (qos === 1) acknowledged.push(await client.next());
            await client.ping();
            expect(client.waiting).toEqual([]);
            // QoS 0 is stored behind the client's back.
            await expect.poll(async () => (await test.messages()).length).toBe(packets.length);
            return [acknowledged, await contents(test)];
          };
          expect(await run((hub) => hub)).toEqual(await run(oneByOne));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("goes to the hub as one request of at most 16, and is answered with one write", async () => {
    const sizes: number[] = [];
    const release: (() => void)[] = [];
    const test = await startTestHub({
      wrap: together((send) => (messages, completion) => {
        sizes.push(messages.length);
        release.push(() => send(messages, completion));
      }),
    });
    const client = await test.connect(key);
    await teach(client, own);
    client.sendBytes(
      Buffer.concat(Array.from({ length: 20 }, (_unused, i) => message(own, i + 1))),
    );
    await expect.poll(() => sizes).toEqual([16]);
    expect([client.waiting, (await test.messages()).length]).toEqual([[], 2]);
    client.chunks.length = 0;
    release[0]?.();
    for (let id = 1; id <= 16; id++)
      expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    expect(client.chunks).toHaveLength(1);
    await expect.poll(() => sizes).toEqual([16, 4]);
    release[1]?.();
    for (let id = 17; id <= 20; id++)
      expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    expect(await test.messages()).toHaveLength(22);
  });

  it("that the hub refuses is not acknowledged and ends the connection", async () => {
    const error = new HubError("ServiceUnavailable", "The disk is full");
    const test = await startTestHub({
      wrap: together(() => (_messages, completion) => refuseLater(completion, error)),
    });
    const client = await test.connect(key);
    await teach(client, own);
    client.sendBytes(Buffer.concat([message(own, 1), message(own, 2)]));
    await client.closed;
    expect([client.waiting, await test.endings(key)]).toEqual([[], ["hubError"]]);
    expect(await test.messages()).toHaveLength(2);
  });

  it.each([
    ["a packet id of 0", Buffer.from(message(own, 0))],
    ["QoS 2", message(own, 9, { qos: 2 })],
    ["another identity's topic", message("devices/dev9/messages/events", 9)],
  ])("is kept before %s ends the connection", async (_what, bad) => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await teach(client, own);
    client.sendBytes(Buffer.concat([message(own, 1), message(own, 2), bad, message(own, 3)]));
    await client.closed;
    // The end may come before the commit.
    const bodies = async () =>
      (await test.messages()).map(({ message: kept }) => Buffer.from(kept.body).toString());
    await expect.poll(bodies).toEqual(["body 1001", "body 1002", "body 1", "body 2"]);
  });

  it("does not let a body above the limit through", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await teach(client, own);
    client.sendBytes(message(own, 1, { payload: Buffer.alloc(262_145) }));
    await client.closed;
    expect([client.waiting, await test.endings(key)]).toEqual([[], ["messageTooLarge"]]);
    expect(await test.messages()).toHaveLength(2);
  });

  it("is not taken for another topic that only begins or ends like it", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await teach(client, `${own}/a=1`);
    const topics = [`${own}/a=1`, `${own}/a=11`, `${own}/a=`, `${own}/b=1`, own, `${own}/a=1`];
    client.sendBytes(Buffer.concat(topics.map((topic, index) => message(topic, index + 1))));
    for (const index of topics.keys())
      expect(await client.next()).toMatchObject({ cmd: "puback", messageId: index + 1 });
    const logged = (await test.messages()).slice(2);
    expect(logged.map(({ message: kept }) => kept.application)).toEqual([
      [["a", "1"]],
      [["a", "11"]],
      [["a", ""]],
      [["b", "1"]],
      [],
      [["a", "1"]],
    ]);
  });

  it("that asks for a fault is never taken for ordinary telemetry", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    const fault = `${own}/AzIoTHub_FaultOperationType=KillTcp&AzIoTHub_FaultOperationDelayInSecs=60`;
    client.sendBytes(Buffer.concat([1, 2, 3, 4].map((id) => message(fault, id))));
    await client.ping();
    expect([client.waiting, await test.messages()]).toEqual([[], []]);
  });
});
