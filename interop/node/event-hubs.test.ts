import {
  type Checkpoint,
  type CheckpointStore,
  EventHubConsumerClient,
  type EventPosition,
  type PartitionOwnership,
  type ReceivedEventData,
  type Subscription,
  earliestEventPosition,
  latestEventPosition,
} from "@azure/event-hubs";
import device from "azure-iot-device";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { Inbox, kinds, openClient, register } from "./support.ts";
import type { Subject } from "./support.ts";
import { trustTls } from "./trust-tls.ts";

const partitions = 2;
const noRetries = {
  retryOptions: { maxRetries: 0, timeoutInMs: 10_000 },
  loadBalancingOptions: { strategy: "greedy", updateIntervalInMs: 500 } as const,
};

const hub = await hubOfFile({ partitions });
let consumers: EventHubConsumerClient[] = [];
let subscriptions: Subscription[] = [];

beforeAll(async () => {
  trustTls(hub);
});
afterEach(async () => {
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  await Promise.all(consumers.map((consumer) => consumer.close()));
  subscriptions = [];
  consumers = [];
});

function consumer(
  group = "$Default",
  connectionString = hub.eventHubConnectionString ?? "",
  ...more: unknown[]
): EventHubConsumerClient {
  const [store] = more as [CheckpointStore | undefined];
  const made =
    store === undefined
      ? new EventHubConsumerClient(group, connectionString, noRetries)
      : new EventHubConsumerClient(group, connectionString, store, noRetries);
  consumers.push(made);
  return made;
}

/** Sends texts as telemetry, one after the other. */
async function send(subject: Subject, texts: readonly string[]): Promise<void> {
  const client = await openClient(hub, subject, { protocol: "mqtt" });
  for (const text of texts) await client.sendEvent(new device.Message(text));
  await client.close();
}

interface Reading {
  readonly events: Inbox<ReceivedEventData>;
  readonly errors: Inbox<Error>;
  readonly subscription: Subscription;
}

interface From {
  readonly startPosition?: EventPosition | Record<string, EventPosition>;
  readonly ownerLevel?: number;
  readonly partitionId?: string;
  readonly trackLastEnqueuedEventProperties?: boolean;
}

/** Reads until the test ends. Bodies stay bytes. */
function read(from: From = {}, by = consumer()): Reading {
  const events = new Inbox<ReceivedEventData>();
  const errors = new Inbox<Error>();
  const handlers = {
    processEvents: async (received: readonly ReceivedEventData[]) => {
      for (const event of received) events.add(event);
    },
    processError: async (error: Error) => errors.add(error),
  };
  const { partitionId, ...rest } = from;
  const options = {
    startPosition: earliestEventPosition,
    maxWaitTimeInSeconds: 1,
    maxBatchSize: 200,
    skipParsingBodyAsJson: true,
    ...rest,
  };
  const subscription =
    partitionId === undefined
      ? by.subscribe(handlers, options)
      : by.subscribe(partitionId, handlers, options);
  subscriptions.push(subscription);
  return { events, errors, subscription };
}

/** The next texts of one device, in order; events of others are passed over. */
async function take(
  { events }: Reading,
  { deviceId }: Subject,
  count: number,
): Promise<readonly string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const event = await events.next();
    if (event.systemProperties?.["iothub-connection-device-id"] !== deviceId) continue;
    texts.push(String(event.body));
  }
  return texts;
}

/** The first event of a device. */
async function first(reading: Reading, { deviceId }: Subject): Promise<ReceivedEventData> {
  for (;;) {
    const event = await reading.events.next();
    if (event.systemProperties?.["iothub-connection-device-id"] === deviceId) return event;
  }
}

/** The partition that the device's events go to. */
async function partitionOf(subject: Subject): Promise<string> {
  const client = consumer();
  const before = await lastNumbers(client);
  await send(subject, ["where"]);
  const after = await lastNumbers(client);
  return String(after.findIndex((number, index) => number !== before[index]));
}

async function lastNumbers(client: EventHubConsumerClient): Promise<number[]> {
  const ids = await client.getPartitionIds();
  const all = await Promise.all(ids.map((id) => client.getPartitionProperties(id)));
  return all.map(({ lastEnqueuedSequenceNumber }) => lastEnqueuedSequenceNumber);
}

describe("the entity", () => {
  it("tells its name and its partitions", async () => {
    const properties = await consumer().getEventHubProperties();
    expect(properties).toMatchObject({ name: hub.hostName, partitionIds: ["0", "1"] });
    expect(Date.now() - properties.createdOn.getTime()).toBeLessThan(600_000);
  });

  it("tells where a partition begins and ends", async () => {
    const subject = await register(hub, "device");
    const id = await partitionOf(subject);
    const client = consumer();
    const before = await client.getPartitionProperties(id);
    await send(subject, ["one", "two"]);
    const after = await client.getPartitionProperties(id);
    expect(after).toMatchObject({
      eventHubName: hub.hostName,
      partitionId: id,
      beginningSequenceNumber: 0,
      isEmpty: false,
    });
    expect(after.lastEnqueuedSequenceNumber).toBe(before.lastEnqueuedSequenceNumber + 2);
    expect(after.lastEnqueuedOffset).toBe(String(after.lastEnqueuedSequenceNumber));
    expect(after.lastEnqueuedOnUtc.getTime()).toBeGreaterThanOrEqual(
      before.lastEnqueuedOnUtc.getTime(),
    );
  });

  it("refuses a partition and a consumer group that it has not", async () => {
    await expect(consumer().getPartitionProperties("9")).rejects.toThrow(/partition/);
    const partition = read({ partitionId: "9" });
    expect(await partition.errors.next()).toMatchObject({ code: "ArgumentOutOfRangeError" });
    const group = read({ partitionId: "0" }, consumer("nobody"));
    expect(await group.errors.next()).toMatchObject({ code: "MessagingEntityNotFoundError" });
  });
});

describe.each(kinds)("telemetry of a %s", (kind) => {
  it("is read with the sender's identity and its properties", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol: "amqp" });
    const message = new device.Message(JSON.stringify({ temperature: 21 }));
    message.messageId = "id 1";
    message.correlationId = "c1";
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    message.properties.add("level", "high");
    await client.sendEvent(message);

    const event = await first(read(), subject);
    expect(String(event.body)).toBe('{"temperature":21}');
    expect(event.properties).toEqual({ level: "high" });
    expect(event).toMatchObject({
      messageId: "id 1",
      correlationId: "c1",
      contentType: "application/json",
    });
    expect(event.offset).toBe(String(event.sequenceNumber));
    expect(Math.abs(Date.now() - event.enqueuedTimeUtc.getTime())).toBeLessThan(60_000);
    const { systemProperties = {} } = event;
    expect(systemProperties["iothub-connection-module-id"]).toBe(subject.moduleId);
    expect(systemProperties["iothub-message-source"]).toBe("Telemetry");
    expect(systemProperties["contentEncoding"]).toBe("utf-8");
    expect(systemProperties["iothub-connection-auth-generation-id"]).toMatch(/^\d+$/);
    expect(JSON.parse(String(systemProperties["iothub-connection-auth-method"]))).toEqual({
      scope: kind,
      type: "sas",
      issuer: "iothub",
      acceptingIpFilterRule: null,
    });
    expect(systemProperties["iothub-enqueuedtime"]).toBe(event.enqueuedTimeUtc.getTime());
  });

  it("is read in order, whatever its size, while it goes on", async () => {
    const subject = await register(hub, kind);
    const large = "x".repeat(200_000);
    const before = Array.from({ length: 300 }, (_, index) => `n${index}`);
    await send(subject, [...before, large]);
    const reading = read();
    expect(await take(reading, subject, 301)).toEqual([...before, large]);
    await send(subject, ["later"]);
    expect(await take(reading, subject, 1)).toEqual(["later"]);
  });
});

describe("a reader begins", () => {
  let subject: Subject;
  let id: string;
  let events: readonly ReceivedEventData[];

  beforeAll(async () => {
    subject = await register(hub, "module");
    id = await partitionOf(subject);
    await send(subject, ["a", "b"]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await send(subject, ["c", "d"]);
    const reading = read();
    const found: ReceivedEventData[] = [];
    while (found.length < 5) {
      const event = await reading.events.next();
      if (event.systemProperties?.["iothub-connection-device-id"] === subject.deviceId)
        found.push(event);
    }
    events = found.slice(1);
    await reading.subscription.close();
  });

  const texts = async (startPosition: EventPosition, count: number): Promise<readonly string[]> =>
    take(read({ partitionId: id, startPosition }), subject, count);

  it("after an offset, or at it", async () => {
    const offset = events[1]?.offset ?? "";
    expect(await texts({ offset }, 2)).toEqual(["c", "d"]);
    expect(await texts({ offset, isInclusive: true }, 3)).toEqual(["b", "c", "d"]);
  });

  it("after a sequence number, or at it", async () => {
    const { sequenceNumber = 0 } = events[1] ?? {};
    expect(await texts({ sequenceNumber }, 2)).toEqual(["c", "d"]);
    expect(await texts({ sequenceNumber, isInclusive: true }, 3)).toEqual(["b", "c", "d"]);
  });

  it("after a time", async () => {
    const enqueuedOn = events[2]?.enqueuedTimeUtc.getTime() ?? 0;
    expect(await texts({ enqueuedOn: enqueuedOn - 1 }, 2)).toEqual(["c", "d"]);
  });

  it("at the first event", async () => {
    const [sent] = await texts(earliestEventPosition, 1);
    expect(sent).toBe("where");
  });

  it("after the last event, and hears of what comes", async () => {
    const reading = read({ partitionId: id, startPosition: latestEventPosition });
    // The first events of a later reader prove that this one was attached before.
    await expect
      .poll(async () => {
        await send(subject, ["news"]);
        return reading.events.all.length;
      })
      .toBeGreaterThan(0);
    expect(new Set(reading.events.all.map(({ body }) => String(body)))).toEqual(new Set(["news"]));
  });
});

describe("consumer groups", () => {
  it("read the same events, each for itself", async () => {
    await hub.call("PUT", "/$hub/consumer-groups/second");
    const subject = await register(hub, "device");
    await send(subject, ["one", "two"]);
    const readings = [read(), read({}, consumer("second"))];
    for (const reading of readings) expect(await take(reading, subject, 2)).toEqual(["one", "two"]);
  });

  it("lose their readers when they are deleted", async () => {
    await hub.call("PUT", "/$hub/consumer-groups/third");
    const subject = await register(hub, "device");
    await send(subject, ["one"]);
    const id = await partitionOf(subject);
    const reading = read({ partitionId: id }, consumer("third"));
    await take(reading, subject, 1);
    await hub.call("DELETE", "/$hub/consumer-groups/third");
    expect(await reading.errors.next()).toMatchObject({ code: "MessagingEntityNotFoundError" });
  });
});

/** Keeps ownership and checkpoints in memory, as the clients' own stores do elsewhere. */
class MemoryCheckpoints implements CheckpointStore {
  readonly #owners = new Map<string, PartitionOwnership>();
  readonly #checkpoints = new Map<string, Checkpoint>();

  async listOwnership(): Promise<PartitionOwnership[]> {
    return [...this.#owners.values()];
  }

  async claimOwnership(wanted: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    return wanted.map((claim) => {
      const owned = { ...claim, etag: String(Math.random()), lastModifiedTimeInMs: Date.now() };
      this.#owners.set(claim.partitionId, owned);
      return owned;
    });
  }

  async updateCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#checkpoints.set(checkpoint.partitionId, checkpoint);
  }

  async listCheckpoints(): Promise<Checkpoint[]> {
    return [...this.#checkpoints.values()];
  }
}

describe("a reader with checkpoints", () => {
  it("goes on after the last one", async () => {
    const subject = await register(hub, "module");
    const before = await lastNumbers(consumer());
    const startPosition = Object.fromEntries(
      before.map((sequenceNumber, index) => [String(index), { sequenceNumber }]),
    );
    await send(subject, ["one", "two", "three"]);
    const store = new MemoryCheckpoints();
    const seen = async (until: string): Promise<readonly string[]> => {
      const client = consumer("$Default", hub.eventHubConnectionString ?? "", store);
      const texts: string[] = [];
      let found: () => void = () => undefined;
      const done = new Promise<void>((resolve) => (found = resolve));
      const subscription = client.subscribe(
        {
          processEvents: async (events, context) => {
            for (const event of events) {
              if (event.systemProperties?.["iothub-connection-device-id"] !== subject.deviceId)
                continue;
              texts.push(String(event.body));
              if (event.body.toString() !== until) continue;
              await context.updateCheckpoint(event);
              return found();
            }
          },
          processError: async () => undefined,
        },
        {
          startPosition,
          skipParsingBodyAsJson: true,
          maxBatchSize: 1,
          maxWaitTimeInSeconds: 1,
        },
      );
      await done;
      await subscription.close();
      await client.close();
      return texts;
    };
    expect(await seen("two")).toEqual(["one", "two"]);
    await send(subject, ["four"]);
    expect(await seen("four")).toEqual(["three", "four"]);
  });
});

describe("owner levels", () => {
  it("let the higher one take a partition over, and keep the lower one out", async () => {
    const subject = await register(hub, "device");
    const id = await partitionOf(subject);
    const low = read({ partitionId: id, ownerLevel: 1 });
    await take(low, subject, 1);
    const high = read({ partitionId: id, ownerLevel: 2 });
    expect(await low.errors.next()).toMatchObject({ code: "ReceiverDisconnectedError" });
    await take(high, subject, 1);
    const again = read({ partitionId: id, ownerLevel: 1 });
    expect(await again.errors.next()).toMatchObject({ code: "ReceiverDisconnectedError" });
    const none = read({ partitionId: id });
    expect(await none.errors.next()).toMatchObject({ code: "ReceiverDisconnectedError" });
    expect(high.errors.all).toEqual([]);
  });

  it("are free again when their owner has gone", async () => {
    const subject = await register(hub, "device");
    const id = await partitionOf(subject);
    const owner = consumer();
    await take(read({ partitionId: id, ownerLevel: 7 }, owner), subject, 1);
    await subscriptions.pop()?.close();
    await owner.close();
    await take(read({ partitionId: id }), subject, 1);
  });
});

describe("a partition", () => {
  it("has five readers without an owner level in a group, and no sixth", async () => {
    const subject = await register(hub, "device");
    const id = await partitionOf(subject);
    for (let index = 0; index < 5; index++) await take(read({ partitionId: id }), subject, 1);
    const sixth = read({ partitionId: id });
    expect(await sixth.errors.next()).toMatchObject({ code: "QuotaExceededError" });
  });

  it("tells how far it goes with each event, if asked", async () => {
    const subject = await register(hub, "device");
    const id = await partitionOf(subject);
    const client = consumer();
    const { lastEnqueuedSequenceNumber } = await client.getPartitionProperties(id);
    const told = new Promise<number | undefined>((resolve) => {
      const subscription = client.subscribe(
        id,
        {
          processEvents: async (events, { lastEnqueuedEventProperties }) => {
            if (events.length > 0) resolve(lastEnqueuedEventProperties?.sequenceNumber);
          },
          processError: async () => undefined,
        },
        { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true },
      );
      subscriptions.push(subscription);
    });
    expect(await told).toBe(lastEnqueuedSequenceNumber);
  });
});

describe("who may not read", () => {
  it.each(["device", "registryRead"])("is the policy %s", async (policy) => {
    const key = /SharedAccessKey=([^;]+)/.exec(hub.connectionStrings[policy] ?? "")?.[1];
    const text = `Endpoint=sb://${hub.hostName}/;SharedAccessKeyName=${policy};SharedAccessKey=${key};EntityPath=${hub.hostName}`;
    await expect(consumer("$Default", text).getPartitionIds()).rejects.toMatchObject({
      code: "UnauthorizedError",
    });
  });

  it("is somebody with a wrong key", async () => {
    const text = (hub.eventHubConnectionString ?? "").replace(
      /SharedAccessKey=[^;]{8}/,
      "SharedAccessKey=AAAAAAAA",
    );
    await expect(consumer("$Default", text).getPartitionIds()).rejects.toThrow(/./);
  });
});
