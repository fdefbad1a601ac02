import { generate } from "mqtt-packet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fuzzSettings } from "../../../test/fuzz/settings.ts";
import { heldMemory } from "../../../test/support/memory.ts";
import { SocketEnd } from "../../../test/support/socket-pair.ts";
import { connectPacket } from "./testing/client.ts";
import { both, device, moduleOne, owner, startTestHub, type TestHub } from "./testing/test-hub.ts";

const { inputs, seed, timeout } = fuzzSettings();

/** A small generator of numbers that gives the same ones in each run (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** What a real client sends after CONNECT. */
function conversation(own: string): Buffer {
  const publish = (topic: string, payload: string, messageId: number) =>
    generate({
      cmd: "publish",
      topic,
      payload,
      qos: messageId === 0 ? 0 : 1,
      messageId,
      dup: false,
      retain: false,
    });
  return Buffer.concat([
    generate({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: "$iothub/twin/res/#", qos: 0 },
        { topic: "$iothub/twin/PATCH/properties/desired/#", qos: 1 },
        { topic: "devices/dev1/messages/devicebound/#", qos: 1 },
        { topic: "$iothub/methods/POST/#", qos: 0 },
      ],
    }),
    generate({ cmd: "puback", messageId: 1 }),
    publish("$iothub/twin/GET/?$rid=1", "", 0),
    publish("$iothub/twin/PATCH/properties/reported/?$rid=2", '{"x":{"y":[1,2,3]}}', 3),
    publish(`${own}/messages/events/%24.mid=m1&a=b&%24.ct=application%2Fjson/`, '{"temp":21}', 4),
    publish("$iothub/methods/res/200/?$rid=1", "{}", 0),
    generate({ cmd: "pingreq" }),
    generate({ cmd: "unsubscribe", messageId: 5, unsubscriptions: ["$iothub/twin/res/#"] }),
    generate({ cmd: "puback", messageId: 9 }),
  ]);
}

describe("hostile input", () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => {
    uncaught.push(error);
  };
  beforeAll(() => {
    process.on("uncaughtException", note);
    process.on("unhandledRejection", note);
  });
  afterAll(() => {
    process.off("uncaughtException", note);
    process.off("unhandledRejection", note);
  });

  it(`never harms the head: ${inputs} changed conversations`, { timeout }, async () => {
    const test = await startTestHub();
    const random = numbers(seed);
    // The CONNECTs are real, or changed as well in one case of four.
    const starts = both.map(([, key]) => generate(connectPacket(test.credentials(key))));
    const rest = [conversation("devices/dev1"), conversation("devices/dev1/modules/mod1")];
    const memory = heldMemory();
    let opened = 0;
    for (let i = 0; i < inputs; i++) {
      const which = i % 2;
      const start = starts[which] ?? Buffer.alloc(0);
      const stream = Buffer.concat([start, rest[which] ?? Buffer.alloc(0)]);
      const from = random(4) === 0 ? 0 : start.length;
      for (let n = 0; n <= random(4); n++)
        stream[from + random(stream.length - from)] = random(256);
      if (i % 200 === 0) await keepHubBusy(test);
      if (i % 1000 === 0) await dropHistory(test);
      await feed(test, stream, random);
      opened += takeLog(test);
    }
    await test.head.stop();
    opened += takeLog(test);
    expect(uncaught).toEqual([]);
    expect(test.logged).toEqual([]);
    // Most got past CONNECT, so that what lies behind it was reached.
    expect(opened).toBeGreaterThan(inputs / 2);
    const grown = (heldMemory() - memory) / 2 ** 20;
    expect(grown).toBeLessThan(100);

    // And it still serves.
    await test.head.start();
    for (const key of [device, moduleOne]) {
      const client = await test.connect(key);
      await client.ping();
    }
    await test.head.stop();
  });
});

/** Something for the next clients: messages, and a call that waits for them. */
async function keepHubBusy(test: TestHub): Promise<void> {
  await test.hub.cloudToDevice.purge(owner, "dev1");
  for (let n = 0; n < 12; n++) await test.sendToDevice(`message ${n}`);
  for (const [, key] of both) {
    const call = { methodName: "reboot", connectTimeoutInSeconds: 300 };
    // Most clients hang up before they answer.
    test.hub.methods.invoke(owner, key, call).catch(() => {});
  }
}

/** What a hub's sweep drops in time; here the clock stands still, and what is measured is the head. */
async function dropHistory({ store, clock }: TestHub): Promise<void> {
  await store.eventLog.trim(clock.now(), 0);
  await store.trimEvents(await store.lastEvent());
}

/** Sends `stream` in chunks of any size, lets the hub work, and hangs up. */
async function feed(
  test: TestHub,
  stream: Buffer,
  random: (below: number) => number,
): Promise<void> {
  const [client, server] = SocketEnd.pair();
  client.on("error", () => {});
  client.resume();
  test.head.accept(server, { address: `192.0.2.${random(250)}:1`, transport: "tls" });
  for (let at = 0; at < stream.length;) {
    const size = 1 + random(random(3) === 0 ? 8 : 400);
    client.write(stream.subarray(at, at + size));
    at += size;
  }
  // Who hangs up before the hub has looked at the CONNECT gets no further: one in three may.
  if (random(3) > 0) await new Promise((resolve) => setImmediate(resolve));
  if (random(2) === 0) client.destroy();
  else client.end();
}

/** Empties the log but for errors, of which there must be none; how many connections were opened. */
function takeLog(test: TestHub): number {
  const entries = test.logged.splice(0);
  test.logged.push(...entries.filter(({ level }) => level === "error"));
  return entries.filter(({ message }) => message === "MQTT connection opened").length;
}
