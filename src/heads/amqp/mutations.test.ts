import { afterAll, beforeAll, expect, it } from "vitest";
import { setImmediate as turnOver } from "node:timers/promises";
import { fuzzSettings } from "../../../test/fuzz/settings.ts";
import { AmqpClient, nextMessage, once, send } from "./testing/client.ts";
import { heldMemory } from "../../../test/support/memory.ts";
import { SocketEnd } from "../../../test/support/socket-pair.ts";
import { type TestHub, both, pathOf, startTestHub } from "./testing/test-hub.ts";

/** Streams to try; each is a genuine one with some bytes changed, doubled, left out or put in. */
const { inputs: rounds, seed, timeout } = fuzzSettings();
const atATime = 25;

let test: TestHub;
/** What clients have sent, write by write. */
let corpus: readonly Buffer[][];
const uncaught: unknown[] = [];
const noteUncaught = (error: unknown): void => void uncaught.push(error);

beforeAll(async () => {
  process.on("uncaughtException", noteUncaught);
  process.on("unhandledRejection", noteUncaught);
  test = await startTestHub({ limits: { linger: 20 } });
  corpus = await genuineStreams(test);
});
afterAll(async () => {
  process.off("uncaughtException", noteUncaught);
  process.off("unhandledRejection", noteUncaught);
  await test.head.stop();
});

it("the genuine streams do what they did when they are sent again", async () => {
  const before = (await test.messages()).length;
  for (const writes of corpus) await replay(writes);
  expect((await test.messages()).length).toBe(before + corpus.length);
});

it(
  "whatever a peer sends, nothing is thrown, nothing is kept, and other connections go on",
  async () => {
    // Not one of those that the streams connect: it would be replaced.
    const other = { deviceId: "dev1", moduleId: "mod2" };
    const bystander = await test.connect(other);
    const telemetry = await bystander.sender(`${pathOf(other)}/messages/events`);
    const random = generator(seed);
    await run(random, 1_000);
    const before = heldMemory();
    await run(random, rounds - 1_000);
    const grown = heldMemory() - before;
    expect(uncaught).toEqual([]);
    expect(await send(telemetry, "still here")).toBe("accepted");
    expect(bugs(test)).toEqual([]);
    expect(grown).toBeLessThan(64 * 1024 * 1024);
    bystander.close();
  },
  timeout * 2,
);

async function run(random: () => number, count: number): Promise<void> {
  for (let done = 0; done < count; done += atATime) {
    await Promise.all(Array.from({ length: atATime }, () => attempt(random)));
    keepBugs(test);
  }
}

/** One stream with up to three of its writes mutated, and the end of its connection. */
async function attempt(random: () => number): Promise<void> {
  const genuine = corpus[Math.floor(random() * corpus.length)];
  if (genuine === undefined) throw new Error("the corpus is empty");
  const writes = [...genuine];
  for (let change = Math.floor(random() * 3); change >= 0; change--) {
    const at = Math.floor(random() * writes.length);
    writes[at] = mutate(writes[at] ?? Buffer.alloc(0), random);
  }
  await replay(writes);
}

/** Sends the writes one by one and gives the hub the time to answer each, as the client did. */
async function replay(writes: readonly Buffer[]): Promise<void> {
  const stream = test.stream();
  const closed = new Promise<void>((resolve) => void stream.on("close", () => resolve()));
  stream.resume();
  for (const bytes of writes) {
    if (stream.writable) stream.write(bytes);
    for (let turn = 0; turn < 4; turn++) await turnOver();
  }
  stream.end();
  await closed;
}

function mutate(genuine: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(genuine);
  const place = (): number => Math.floor(random() * bytes.length);
  if (bytes.length === 0) return bytes;
  const changes = Math.floor(random() * 4);
  for (let change = 0; change < changes; change++) bytes[place()] = Math.floor(random() * 256);
  switch (Math.floor(random() * 5)) {
    case 0:
      return bytes.subarray(0, place());
    case 1: {
      const at = place();
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 40))]);
    }
    case 2: {
      const at = place();
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + Math.floor(random() * 8))]);
    }
    default:
      return bytes;
  }
}

/** A linear congruential generator: the same streams every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function isBug({ level }: { readonly level: string }): boolean {
  return level === "error";
}

function bugs({ logged }: TestHub): readonly object[] {
  return logged.filter(isBug);
}

function keepBugs({ logged }: TestHub): void {
  logged.splice(0, logged.length, ...logged.filter(isBug));
}

/** What genuine clients send: with and without SASL, devices and modules, every kind of link. */
async function genuineStreams(hub: TestHub): Promise<Buffer[][]> {
  const streams: Buffer[][] = [];
  for (const [, key] of both) {
    for (const options of [{}, { username: "anonymous" }]) {
      const [client, sent] = await recorded(hub, options);
      await client.putToken(hub.token(key));
      const base = pathOf(key);
      await send(await client.sender(`${base}/messages/events`), "x".repeat(300), {
        message_id: "m1",
        application_properties: { a: "b", n: 3 },
      });
      const answers = await client.receiver(`${base}/twin`);
      const requests = await client.sender(`${base}/twin`);
      const answered = nextMessage(answers);
      requests.send({
        correlation_id: "c1",
        message_annotations: { operation: "GET" },
        body: "",
      });
      await answered;
      await client.receiver(`${base}/methods/devicebound`);
      await client.sender(`${base}/methods/devicebound`);
      await client.receiver(`${base}/messages/devicebound`);
      requests.close();
      await once(requests, "sender_close");
      client.close();
      await client.closed;
      streams.push(sent);
    }
  }
  return streams;
}

async function recorded(hub: TestHub, options: object): Promise<[AmqpClient, Buffer[]]> {
  const sent: Buffer[] = [];
  const [near, far] = SocketEnd.pair();
  const stream = hub.stream();
  far.on("data", (chunk: Buffer) => {
    sent.push(chunk);
    stream.write(chunk);
  });
  far.on("end", () => stream.end());
  stream.on("data", (chunk: Buffer) => void (far.writable && far.write(chunk)));
  stream.on("end", () => far.end());
  far.on("error", () => undefined);
  near.on("error", () => undefined);
  return [await AmqpClient.open(near, options), sent];
}
