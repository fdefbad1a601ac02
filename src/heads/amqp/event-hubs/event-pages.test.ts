import { afterEach, beforeEach, expect, it } from "vitest";
import type { EventMessage } from "../../../domain/messages/telemetry.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import { AmqpClient } from "../testing/client.ts";
import { type TestHub, device, hostName, moduleOne, startTestHub } from "../testing/test-hub.ts";

const partition = "hub/ConsumerGroups/$Default/Partitions/0";

let test: TestHub;
beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

/** Bytes of bodies: some fit a frame of 512 bytes with the rest of the event, some only just a page, some neither. */
const sizes = [0, 10, 20, 1_000, 5, 30, 200_000, 1, 2, 3, 4, 90_000, 60_000, 7, 300_000, 8, 9];
const events = 200;

/** Bodies are cut to `largest`: the library as a client opens its session's window anew only when it gives credit. */
function eventOf(index: number, largest: number): EventMessage {
  return {
    key: index % 3 === 0 ? moduleOne : device,
    body: Buffer.alloc(Math.min(largest, sizes[index % sizes.length] ?? 0), index),
    system: index % 5 === 0 ? { messageId: `m${index}` } : {},
    application: [["index", String(index)]],
    source: "Telemetry",
    enqueuedTime: test.clock.now() + index,
    generationId: "1",
    authMethod: "{}",
    modelId: "",
  };
}

interface Received {
  readonly index: unknown;
  readonly module: unknown;
  readonly number: unknown;
  readonly bytes: number;
  readonly byte: number | undefined;
}

function expected(index: number, largest: number): Received {
  const { key, body } = eventOf(index, largest);
  return {
    index: String(index),
    module: "moduleId" in key ? key.moduleId : undefined,
    number: index,
    bytes: body.length,
    byte: body[0],
  };
}

async function connect(maxFrameSize: number): Promise<AmqpClient> {
  const client = await AmqpClient.open(test.stream(), { max_frame_size: maxFrameSize });
  const expiry = Math.floor(test.clock.now() / 1000) + 3600;
  const resource = `${hostName}/hub`;
  const policy = "iothubowner";
  await client.putToken(createSasToken({ resource, key: test.ownerKey, expiry, policy }));
  return client;
}

it.each([
  ["one at a time in small frames", 512, 3_000, [1]],
  ["few at a time in small frames", 512, 3_000, [1, 2, 7, 3]],
  ["many at a time in small frames", 512, 3_000, [150, 40]],
  ["few at a time in large frames", 65_536, 300_000, [1, 2, 7, 3]],
  ["many at a time in large frames", 65_536, 300_000, [150, 40]],
  ["all at once in frames without a limit", 4_294_967_295, 300_000, [500]],
])(
  "events of devices and modules come whole and in order: %s",
  async (_, frame, largest, credits) => {
    for (let index = 0; index < events; index++)
      await test.store.eventLog.append(0, eventOf(index, largest));
    const client = await connect(frame);
    const found: Received[] = [];
    const session = client.newSession();
    const receiver = await client.receiver(partition, { credit_window: 0 }, session);
    let given = 0;
    let left = 0;
    const giveCredit = (): void => {
      left = credits[given++ % credits.length] ?? 1;
      receiver.add_credit(left);
    };
    receiver.on("message", ({ message, delivery }) => {
      Object.assign(delivery ?? {}, { settled: true });
      if (message === undefined) return;
      const { content } = message.body as { content: Buffer };
      found.push({
        index: message.application_properties?.["index"],
        module: message.message_annotations?.["iothub-connection-module-id"],
        number: message.message_annotations?.["x-opt-sequence-number"],
        bytes: content.length,
        byte: content[0],
      });
      if (--left === 0) giveCredit();
    });
    giveCredit();
    await expect.poll(() => found.length).toBe(events);
    expect(found).toEqual(Array.from({ length: events }, (__, index) => expected(index, largest)));
  },
);
