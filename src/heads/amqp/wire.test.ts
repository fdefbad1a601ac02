import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rhea } from "./rhea/library.ts";
import type { RheaTyped } from "./rhea/types.ts";
import { AmqpClient, nextMessage, once, send } from "./testing/client.ts";
import type { SocketEnd } from "../../../test/support/socket-pair.ts";
import { createSasToken } from "../../wire/sas-token.ts";
import { type TestHub, both, device, hostName, pathOf, startTestHub } from "./testing/test-hub.ts";

let test: TestHub;

beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

const amqpHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
const saslHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);

/** What the hub has sent by the time that it closes. */
async function answerTo(...writes: readonly Buffer[]): Promise<Buffer> {
  const stream = test.stream();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => void stream.on("close", () => resolve()));
  for (const bytes of writes) stream.write(bytes);
  await closed;
  return Buffer.concat(chunks);
}

/** Complete frames that came, headers left out. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const isHeader = bytes.toString("latin1", at, at + 4) === "AMQP";
    const size = isHeader ? 8 : bytes.readUInt32BE(at);
    if (!isHeader) frames.push(bytes.subarray(at, at + size));
    at += size;
  }
  return frames;
}

describe("SASL", () => {
  it("offers its mechanisms as an array, in the order of the real service", async () => {
    const stream = test.stream();
    const came = new Promise<Buffer>((resolve) => void stream.once("data", resolve));
    stream.write(saslHeader);
    const bytes = await came;
    expect(bytes.subarray(0, 8)).toEqual(saslHeader);
    const list = new rhea.types.Reader(bytes.subarray(16)).read().value as readonly RheaTyped[];
    const offered = list[0];
    expect(offered?.type.name).toBe("Array32");
    expect(((offered?.value ?? []) as readonly RheaTyped[]).map(({ value }) => value)).toEqual([
      "EXTERNAL",
      "MSSBCBS",
      "ANONYMOUS",
      "PLAIN",
    ]);
  });

  it.each(["ANONYMOUS", "MSSBCBS"])("%s is one step; tokens follow", async (name) => {
    const mechanism = { start: (done: (error?: Error) => void) => done() };
    const client = await AmqpClient.open(test.stream(), { sasl_mechanisms: { [name]: mechanism } });
    expect(await client.putToken(test.token(device))).toMatchObject({ status: 200 });
  });

  it.each(both)("PLAIN proves a %s, without put-token", async (_, key) => {
    const who = pathOf(key).slice("/devices/".length);
    for (const hub of ["sas.hub", "hub", `sas.${hostName}:5671`]) {
      const client = await AmqpClient.open(test.stream(), {
        username: `${who}@${hub}`,
        password: test.token(key),
      });
      const link = await client.sender(`${pathOf(key)}/messages/events`);
      expect(await send(link, "x")).toBe("accepted");
      client.close();
      await client.closed;
    }
  });

  it("PLAIN proves a policy", async () => {
    const policy = "iothubowner";
    const password = createSasToken({
      resource: hostName,
      key: test.ownerKey,
      expiry: Math.floor(test.clock.now() / 1000) + 600,
      policy,
    });
    const username = `${policy}@sas.root.hub`;
    const client = await AmqpClient.open(test.stream(), { username, password });
    // The policy may connect for any device.
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    expect(await send(link, "x")).toBe("accepted");
  });

  it.each([
    ["another device's token", "dev2@sas.hub", (hub: TestHub) => hub.token(device)],
    ["another hub", "dev1@sas.other", (hub: TestHub) => hub.token(device)],
    ["no token", "dev1@sas.hub", () => "secret"],
    ["a policy that did not sign", "service@sas.root.hub", (hub: TestHub) => hub.token(device)],
  ])("PLAIN is refused with %s, by outcome 1", async (_, username, password) => {
    const init = rhea.frames.sasl_frame(
      (rhea.frames as unknown as { sasl_init(fields: object): unknown }).sasl_init({
        mechanism: "PLAIN",
        initial_response: Buffer.from(`\0${username}\0${password(test)}`),
      }),
    );
    const answer = await answerTo(saslHeader, rhea.frames.write_frame(init));
    const outcome = framesOf(answer).at(-1) ?? Buffer.alloc(0);
    const [code] = new rhea.types.Reader(outcome.subarray(8)).read().value as readonly RheaTyped[];
    expect(code?.value).toBe(1);
  });
});

describe("every performative that the hub sends", () => {
  it("has its full number of fields, nulls included, and a small descriptor", async () => {
    const stream = test.stream();
    const sent: Buffer[] = [];
    tap(stream, sent);
    const client = await AmqpClient.open(stream);
    await client.putToken(test.token(device));
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    await send(link, "x");
    const answers = await client.receiver(`${pathOf(device)}/twin`);
    const requests = await client.sender(`${pathOf(device)}/twin`);
    const answered = nextMessage(answers);
    await send(requests, " ", { correlation_id: "c", message_annotations: { operation: "GET" } });
    await answered;
    await expect(client.sender("/unknown")).rejects.toThrow(/404006/);
    const ended = once(client.session, "session_close");
    client.session.close();
    await ended;
    client.close();
    await client.closed;

    const counts = new Map<number, Set<number>>();
    for (const frame of framesOf(Buffer.concat(sent)).filter(({ length }) => length > 8)) {
      expect(frame.subarray(8, 10)).toEqual(Buffer.from([0x00, 0x53]));
      const fields = new rhea.types.Reader(frame.subarray(8)).read().value as readonly unknown[];
      const code = frame[10] ?? 0;
      counts.set(code, (counts.get(code) ?? new Set()).add(fields.length));
    }
    expect(Object.fromEntries([...counts].map(([code, lengths]) => [code, [...lengths]]))).toEqual({
      0x10: [10],
      0x11: [8],
      0x12: [14],
      0x13: [11],
      0x14: [11],
      0x15: [6],
      0x16: [3],
      0x17: [1],
      0x18: [1],
    });
  });
});

describe("a peer that breaks the protocol", () => {
  it.each([
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["another version", Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1])],
    ["a frame of 2 GB", Buffer.concat([amqpHeader, Buffer.from([0x80, 0, 0, 0, 2, 0, 0, 0])])],
    ["the same before SASL", Buffer.concat([saslHeader, Buffer.from([0x80, 0, 0, 0, 2, 1, 0, 0])])],
    ["a frame of 4 bytes", Buffer.concat([amqpHeader, Buffer.from([0, 0, 0, 4])])],
    ["no open", Buffer.concat([amqpHeader, Buffer.from("0000000f02000000005317c0020140", "hex")])],
  ])("is closed: %s", async (_, bytes) => {
    await answerTo(bytes);
    expect(test.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("is closed in little memory when a few bytes promise billions of values", async () => {
    const uint = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    };
    const array = (count: number, content: Buffer): Buffer =>
      Buffer.concat([uint(content.length + 4), uint(count), content]);
    const ofNulls = Buffer.from([0x40]);
    const element = array(5_000, ofNulls);
    const manyElements = Array.from({ length: 1_000 }, () => element);
    const huge = array(2 ** 32 - 1, ofNulls);
    const nested = array(1_000, Buffer.concat([Buffer.from([0xf0]), ...manyElements]));
    const before = process.memoryUsage().heapUsed;
    for (const value of [huge, nested]) {
      const fields = array(1, Buffer.concat([Buffer.from([0xf0]), value]));
      const body = Buffer.concat([Buffer.from([0x00, 0x53, 0x10, 0xd0]), fields]);
      const head = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]);
      head.writeUInt32BE(body.length + head.length);
      await answerTo(amqpHeader, head, body);
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
  });

  it("is closed when it asks for frames that nothing fits in", async () => {
    for (const max_frame_size of [1, 66, 511]) {
      const client = new Promise((resolve, reject) => {
        AmqpClient.open(test.stream(), { max_frame_size })
          .then((open) => open.closed)
          .then(resolve, reject);
      });
      await expect(client).resolves.toMatchObject({ condition: expect.stringContaining("amqp:") });
    }
  });

  it("is closed when it opens nothing in time, or has no use for the connection", async () => {
    const silent = test.stream();
    const closed = new Promise<void>((resolve) => void silent.on("close", () => resolve()));
    silent.resume();
    const client = await test.open();
    test.clock.advance(130_000);
    await closed;
    expect(await client.closed).toMatchObject({ condition: "amqp:connection:forced" });
  });
});

describe("a peer that asks for heartbeats", () => {
  it("gets one at least every half of its time-out, and is closed when it is silent itself", async () => {
    const stream = test.stream();
    const sent: Buffer[] = [];
    tap(stream, sent);
    const client = await AmqpClient.open(stream, { idle_time_out: 60_000 });
    await client.putToken(test.token(device));
    await client.sender(`${pathOf(device)}/messages/events`);
    sent.length = 0;
    for (let time = 0; time < 4; time++) {
      test.clock.advance(31_000);
      await new Promise(setImmediate);
    }
    const empty = framesOf(Buffer.concat(sent)).filter(({ length }) => length === 8);
    expect(empty.length).toBeGreaterThanOrEqual(4);
    test.clock.advance(480_000);
    expect(await client.closed).toMatchObject({ condition: "amqp:connection:forced" });
    expect(await test.endings(device)).toEqual(["keepAliveExpired"]);
  });
});

describe("the head", () => {
  it("ends connections when it stops, and takes no more", async () => {
    const client = await test.connect(device);
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    const outcome = send(link, "last");
    const ended = once(client.session, "session_close");
    await outcome;
    await test.head.stop();
    await ended;
    expect(await test.endings(device)).toEqual(["hubStopping"]);
    await expect(test.open()).rejects.toThrow(/closed/);
  });

  it("forgets an identity when the network is lost", async () => {
    const stream = test.stream();
    const client = await AmqpClient.open(stream);
    await client.putToken(test.token(device));
    await client.sender(`${pathOf(device)}/messages/events`);
    stream.destroy(new Error("gone"));
    expect(await test.endings(device)).toEqual(["networkLost"]);
  });
});

/** Keeps what the hub sends on a stream. */
function tap(stream: SocketEnd, sent: Buffer[]): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) sent.push(Buffer.from(chunk));
    return push(chunk, encoding);
  };
}
