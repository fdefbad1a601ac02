import type { Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { HubError } from "../../domain/errors.ts";
import { both, startTestHub, type TestHub, type TestHubOptions } from "./testing/test-hub.ts";
import type { TestClient } from "./testing/client.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";

const answers = "$iothub/twin/res/#";
const desired = "$iothub/twin/PATCH/properties/desired/#";
const get = (rid: string): string => `$iothub/twin/GET/?$rid=${rid}`;
const patch = (rest: string): string => `$iothub/twin/PATCH/properties/reported/${rest}`;

async function connected(
  key: IdentityKey,
  options?: TestHubOptions,
): Promise<[TestHub, TestClient]> {
  const test = await startTestHub(options);
  const client = await test.connect(key);
  await client.subscribe(answers, desired);
  return [test, client];
}

function publication(topic: string, payload: string | Buffer, messageId = 0): Packet {
  return {
    cmd: "publish",
    topic,
    payload,
    qos: messageId === 0 ? 0 : 1,
    messageId,
    dup: false,
    retain: false,
  };
}

describe.each(both)("the twin of a %s", (_, key) => {
  it("is answered whatever the request's body is, the request id byte for byte (M15)", async () => {
    const [, client] = await connected(key);
    for (const [rid, body] of [
      ["1", ""],
      ["hey", " "],
      ["5b0c-ü%20=?$/x", "garbage"],
    ] as const) {
      client.publish(get(rid), body);
      expect(await client.nextPublish()).toEqual({
        topic: `$iothub/twin/res/200/?$rid=${rid}`,
        body: '{"desired":{"$version":1},"reported":{"$version":1}}',
        qos: 0,
      });
    }
  });

  it("is answered with QoS 0 even to a QoS 1 request and subscription (M16)", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    client.send({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [answers, desired].map((topic) => ({ topic, qos: 1 })),
    });
    await client.next();
    const id = client.publish(get("1"), "", { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    expect((await client.nextPublish()).qos).toBe(0);
    await test.patchDesired(key, { a: 1 });
    expect((await client.nextPublish()).qos).toBe(0);
  });

  it("takes reported properties and tells the new version, null deletes", async () => {
    const [, client] = await connected(key);
    client.publish(patch("?$rid=1"), '{"a":1,"b":{"c":true}}');
    expect(await client.nextPublish()).toEqual({
      topic: "$iothub/twin/res/204/?$rid=1&$version=2",
      body: "",
      qos: 0,
    });
    client.publish(patch("?$rid=2"), '{"a":null}');
    expect((await client.nextPublish()).topic).toBe("$iothub/twin/res/204/?$rid=2&$version=3");
    client.publish(get("3"), "");
    expect((await client.nextPublish()).body).toBe(
      '{"desired":{"$version":1},"reported":{"b":{"c":true},"$version":3}}',
    );
  });

  it("refuses a stale $version with 412 and applies an equal one (M15)", async () => {
    const [, client] = await connected(key);
    client.publish(patch("?$rid=1&$version=1"), '{"a":1}');
    expect((await client.nextPublish()).topic).toBe("$iothub/twin/res/204/?$rid=1&$version=2");
    client.publish(patch("?$version=1&$rid=2"), '{"a":2}');
    const refused = await client.nextPublish();
    expect(refused.topic).toBe("$iothub/twin/res/412/?$rid=2");
    expect(JSON.parse(refused.body)).toMatchObject({ errorCode: 412001 });
  });

  it.each([
    ['{"a":', 400],
    ["[1]", 400],
    ["null", 400],
    ["", 400],
    ['"text"', 400],
    ['{"$a":1}', 400],
    ['{"a.b":1}', 400],
    [Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), 400],
    [JSON.stringify({ a: Array.from({ length: 20 }, () => "x".repeat(2_000)) }), 403],
  ])("refuses %s with %i, says why, and is unchanged (M15)", async (body, status) => {
    const [, client] = await connected(key);
    client.publish(patch("?$rid=1"), body);
    const refused = await client.nextPublish();
    expect(refused.topic).toMatch(new RegExp(`^\\$iothub/twin/res/(${status}|413)/\\?\\$rid=1$`));
    expect(JSON.parse(refused.body)).toEqual({
      errorCode: expect.any(Number),
      trackingId: expect.stringMatching(/-G:0-TimeStamp:12\/31\/2029 23:00:00$/),
      message: expect.stringMatching(/./),
      timestampUtc: "2029-12-31T23:00:00.0000000Z",
    });
    client.publish(get("2"), "");
    expect((await client.nextPublish()).body).toContain('"reported":{"$version":1}');
  });

  it("refuses a $version that is no number", async () => {
    const [, client] = await connected(key);
    client.publish(patch("?$rid=1&$version=x"), "{}");
    expect((await client.nextPublish()).topic).toBe("$iothub/twin/res/400/?$rid=1");
  });

  it("is written without an answer when there is no request id", async () => {
    const [, client] = await connected(key);
    const id = client.publish(patch(""), '{"a":1}', { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    const bad = client.publish(patch(""), "{", { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: bad });
    client.publish(get("1"), "");
    expect((await client.nextPublish()).body).toContain('"reported":{"a":1,"$version":2}');
  });

  it("is written, and the answer dropped, when nobody is subscribed to it", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    const id = client.publish(patch("?$rid=1"), '{"a":1}', { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: id });
    await client.ping();
    expect(client.waiting).toEqual([]);
    await client.subscribe(answers);
    client.publish(get("1"), "");
    expect((await client.nextPublish()).body).toContain('"a":1');
  });

  it("answers pipelined requests in order, each seeing those before it (spec/mqtt §7.5)", async () => {
    const [, client] = await connected(key);
    client.chunks.length = 0;
    client.send(
      publication(patch("?$rid=a"), '{"n":1}', 11),
      publication(get("b"), "", 12),
      publication(patch("?$rid=c"), '{"n":2}'),
      publication(get("b"), " "),
      publication(patch("?$rid=d"), "{"),
    );
    const seen: string[] = [];
    for (let i = 0; i < 7; i++) {
      const packet = await client.next();
      seen.push(
        packet.cmd === "publish"
          ? `${packet.topic.slice("$iothub/twin/res/".length)} ${/"n":\d/.exec(packet.payload.toString())?.[0] ?? ""}`
          : `${packet.cmd} ${packet.messageId}`,
      );
    }
    expect(seen).toEqual([
      "puback 11",
      "204/?$rid=a&$version=2 ",
      "puback 12",
      '200/?$rid=b "n":1',
      "204/?$rid=c&$version=3 ",
      '200/?$rid=b "n":2',
      "400/?$rid=d ",
    ]);
  });

  it("tells of desired changes in order of version, removed keys as null, only after SUBACK", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await test.patchDesired(key, { early: true });
    await client.subscribe(desired);
    await Promise.all([
      test.patchDesired(key, { a: 1 }),
      test.patchDesired(key, { a: 2, nested: { x: 1 } }),
      test.patchDesired(key, { a: null }),
    ]);
    const received = [];
    for (let i = 0; i < 3; i++) received.push(await client.nextPublish());
    expect(received.map(({ topic, body }) => [topic.split("?")[1], body])).toEqual([
      ["$version=3", '{"a":1,"$version":3}'],
      ["$version=4", '{"a":2,"nested":{"x":1},"$version":4}'],
      ["$version=5", '{"a":null,"$version":5}'],
    ]);
  });

  it("answers a throttled request with 429 and keeps the connection (M22)", async () => {
    const [, client] = await connected(key, {
      wrap: (hub) => ({
        ...hub,
        twins: {
          ...hub.twins,
          ownTwin: () => Promise.reject(new HubError("ThrottlingException", "Too many twin reads")),
        },
      }),
    });
    client.publish(get("1"), "");
    const answer = await client.nextPublish();
    expect([answer.topic, JSON.parse(answer.body)]).toEqual([
      "$iothub/twin/res/429/?$rid=1",
      expect.objectContaining({ errorCode: 429001, message: "Too many twin reads" }),
    ]);
  });

  it("answers a bug with 500, logs it with its stack and keeps the connection", async () => {
    const [test, client] = await connected(key, {
      wrap: (hub) => ({
        ...hub,
        twins: {
          ...hub.twins,
          updateReported: () => Promise.reject(new TypeError("secret detail")),
        },
      }),
    });
    client.publish(patch("?$rid=1"), '{"a":1}');
    const answer = await client.nextPublish();
    expect(answer.topic).toBe("$iothub/twin/res/500/?$rid=1");
    expect(answer.body).not.toContain("secret detail");
    const failure = test.logged.find(({ level }) => level === "error");
    expect(failure?.fields).toMatchObject({
      err: expect.any(TypeError),
      trackingId: (JSON.parse(answer.body) as { trackingId: string }).trackingId,
    });
    client.publish(get("2"), "");
    expect((await client.nextPublish()).topic).toContain("/200/");
  });
});
