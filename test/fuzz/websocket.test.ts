import { once } from "node:events";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { createAmqpHead } from "../../src/heads/amqp/head.ts";
import { createMqttHead } from "../../src/heads/mqtt/head.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import { systemRandom } from "../../src/system.ts";
import { exchange } from "./exchange.ts";
import { expectUnharmed } from "./expect-unharmed.ts";
import { type FuzzHub, startFuzzHub } from "./fuzz-hub.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import { runFuzzer } from "./run.ts";
import { fuzzSettings } from "./settings.ts";
import {
  type Conversation,
  amqpConversation,
  mqttConversation,
} from "./websocket-conversations.ts";
import { type Subprotocol, framesOf, upgradeBytes } from "./websocket-frames.ts";

const clients: readonly IdentityKey[] = [{ deviceId: "d1" }, { deviceId: "d1", moduleId: "m1" }];
const words = ["\r\n", "mqtt", "AMQP", "\u0000\u0000\u0000\u0008", "$iothub/", "\u0082\u00ff"];

/** An input is the upgrade and all frames after it, in a row. */
function make(random: Random, conversations: readonly [Subprotocol, Conversation][]): Buffer {
  const [protocol, writes] = random.pick(conversations);
  const upgrade = upgradeBytes(protocol, random);
  const changed = random.oneIn(3)
    ? writes.map((bytes) => (random.oneIn(3) ? mutate(bytes, random, words) : bytes))
    : writes;
  const frames = Buffer.concat(framesOf(changed, random));
  return Buffer.concat([
    random.oneIn(8) ? mutate(upgrade, random, words) : upgrade,
    random.oneIn(3) ? mutate(frames, random, words) : frames,
  ]);
}

/** A Close frame, masked with zeros. */
const farewell = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);

/** Upgrade and frames apart, as they come over a network: the frames are read by another reader. */
function pieces(input: Buffer): Buffer[] {
  const end = input.indexOf("\r\n\r\n");
  return end < 0 ? [input] : [input.subarray(0, end + 4), input.subarray(end + 4)];
}

/** A module that stays connected and asks, again and again, whether the hub is there. */
async function honestModule({ port }: FuzzHub): Promise<{ ping(): Promise<void>; close(): void }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/$iothub/websocket`, "mqtt");
  await once(socket, "open");
  const [connect] = mqttConversation({ deviceId: "honest", moduleId: "m1" });
  const answered = once(socket, "message");
  socket.send(connect ?? "");
  const [connack] = (await answered) as [Buffer];
  expect([...connack]).toEqual([0x20, 2, 0, 0]);
  return {
    async ping() {
      const pong = once(socket, "message");
      socket.send(Buffer.from([0xc0, 0]));
      const [packet] = (await pong) as [Buffer];
      expect([...packet]).toEqual([0xd0, 0]);
    },
    close: () => socket.terminate(),
  };
}

it(
  "whatever comes over a WebSocket, the connection ends or goes on, and others are served",
  async () => {
    const hub = await startFuzzHub();
    const { log, ...parts } = {
      hub: hub.hub,
      clock: hub.clock,
      random: systemRandom,
      log: hub.logTo,
    };
    const mqtt = createMqttHead({
      ...parts,
      log,
      failedLogins: hub.failedLogins,
      limits: { linger: 20 },
    });
    const amqp = createAmqpHead({
      ...parts,
      log,
      failedLogins: hub.failedLogins,
      limits: { linger: 20 },
    });
    await mqtt.start();
    await amqp.start();
    hub.head.registerWebSocket("mqtt", mqtt);
    hub.head.registerWebSocket("AMQPWSB10", amqp);
    const conversations: [Subprotocol, Conversation][] = [];
    for (const key of clients) {
      conversations.push(["mqtt", mqttConversation(key)]);
      conversations.push(["AMQPWSB10", await amqpConversation(hub, key)]);
    }
    const honest = await honestModule(hub);
    let upgraded = 0;
    const fuzzer: Fuzzer = {
      name: "websocket",
      atATime: 64,
      make: (random) => make(random, conversations),
      async attempt(input) {
        const answer = await exchange(hub.port, pieces(input), farewell);
        if (answer.startsWith("HTTP/1.1 101")) upgraded += 1;
        return answer.startsWith("HTTP/1.1 5")
          ? `it was answered ${answer.slice(0, 300)}`
          : undefined;
      },
      upkeep: () => hub.restore(),
      problems: () => hub.problems(),
      honest: () => honest.ping(),
      async stop() {
        honest.close();
        const left = await new Promise<number>((resolve) =>
          hub.server.getConnections((_error, count) => resolve(count)),
        );
        await mqtt.stop();
        await amqp.stop();
        await hub.stop();
        return left > 1 ? [`${left} connections were left open`] : [];
      },
    };
    const settings = fuzzSettings();
    expectUnharmed(await runFuzzer(fuzzer, settings));
    // Most got past the upgrade, so that what lies behind it was reached.
    expect(upgraded).toBeGreaterThan(settings.inputs / 2);
  },
  fuzzSettings().timeout,
);
