import { describe, expect, it, vi } from "vitest";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { MethodResult } from "../../domain/methods/method-call.ts";
import type { TestClient } from "./testing/client.ts";
import { both, owner, startTestHub, type TestHub } from "./testing/test-hub.ts";

const filter = "$iothub/methods/POST/#";
const response = "$iothub/methods/res/";

/** Calls `reboot`; the failure of a call that nobody waits for yet must not end the test run. */
function call(test: TestHub, key: IdentityKey, body: JsonObject = {}): Promise<MethodResult> {
  const result = test.hub.methods.invoke(owner, key, { methodName: "reboot", ...body });
  result.catch(() => {});
  return result;
}

async function subscriber(test: TestHub, key: IdentityKey): Promise<TestClient> {
  const client = await test.connect(key);
  await client.subscribe(filter);
  return client;
}

const offline = { name: "DeviceNotOnline" };

describe.each(both)("a direct method of a %s", (_, key) => {
  it("has the bytes of the worked example (spec/mqtt §16)", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    client.chunks.length = 0;
    const result = call(test, key, { payload: { delay: 5 } });
    expect(await client.nextPublish()).toMatchObject({ qos: 0 });
    expect(Buffer.concat(client.chunks)).toEqual(
      Buffer.concat([
        Buffer.from("30300023", "hex"),
        Buffer.from('$iothub/methods/POST/reboot/?$rid=1{"delay":5}'),
      ]),
    );
    client.publish(`${response}200/?$rid=1`, '{"ok":true}');
    expect(await result).toEqual({ status: 200, payload: { ok: true } });
  });

  it("has the payload null if the caller gives none, because one SDK cannot read nothing (M17)", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    const results = [call(test, key), call(test, key, { payload: null })];
    for (const rid of ["1", "2"]) {
      expect((await client.nextPublish()).body).toBe("null");
      client.publish(`${response}0/?$rid=${rid}`, "");
    }
    expect(await Promise.all(results)).toEqual([
      { status: 0, payload: null },
      { status: 0, payload: null },
    ]);
  });

  it("counts its requests in hexadecimal digits, and takes them back in either case (M17)", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    for (let i = 1; i <= 0x1b; i++) {
      const result = call(test, key, { payload: i });
      const { topic } = await client.nextPublish();
      expect(topic).toBe(`$iothub/methods/POST/reboot/?$rid=${i.toString(16)}`);
      client.publish(`${response}${i}/?$rid=${i.toString(16).toUpperCase()}`, "");
      expect((await result).status).toBe(i);
    }
  });

  it.each([
    ["-1", -1, "[]", []],
    ["404", 404, "text", "text"],
    ["2147483647", 2_147_483_647, '"€"', "€"],
  ])(
    "answers with status %s and whatever the client says",
    async (digits, status, body, payload) => {
      const test = await startTestHub();
      const client = await subscriber(test, key);
      const result = call(test, key);
      await client.nextPublish();
      client.publish(`${response}${digits}/?$rid=1`, body, { qos: 1 });
      expect(await result).toEqual({ status, payload });
      expect((await client.next()).cmd).toBe("puback");
    },
  );

  it("may have 128 KiB both ways, and no more", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    const text = "x".repeat(131_070);
    const result = call(test, key, { payload: text });
    expect((await client.nextPublish()).body).toBe(JSON.stringify(text));
    client.publish(`${response}200/?$rid=1`, JSON.stringify(text));
    expect(await result).toEqual({ status: 200, payload: text });

    await expect(call(test, key, { payload: `${text}x` })).rejects.toMatchObject({
      name: "MessageTooLarge",
    });
    const tooLong = call(test, key);
    await client.nextPublish();
    client.publish(`${response}200/?$rid=2`, JSON.stringify(`${text}x`));
    await expect(tooLong).rejects.toMatchObject({ name: "MessageTooLarge" });
  });

  it("ignores answers that are unknown, late or given twice, and acknowledges them all the same", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    const late = call(test, key, { responseTimeoutInSeconds: 5 });
    await client.nextPublish();
    test.clock.advance(5_000);
    await expect(late).rejects.toMatchObject({ name: "GatewayTimeout" });
    const result = call(test, key);
    await client.nextPublish();
    client.publish(`${response}1/?$rid=1`, "", { qos: 1 });
    client.publish(`${response}2/?$rid=9`, "", { qos: 1 });
    client.publish(`${response}3/`, "", { qos: 1 });
    client.publish(`${response}4/?$rid=2`, "", { qos: 1 });
    client.publish(`${response}5/?$rid=2`, "", { qos: 1 });
    for (let i = 0; i < 5; i++) expect((await client.next()).cmd).toBe("puback");
    expect((await result).status).toBe(4);
    const ignored = test.logged.filter(({ message }) => message.includes("was ignored"));
    expect(ignored).toHaveLength(4);
  });

  it("is refused at once without a subscription, and after UNSUBSCRIBE", async () => {
    const test = await startTestHub();
    await expect(call(test, key)).rejects.toMatchObject(offline);
    const client = await test.connect(key);
    await client.subscribe("#", "+/methods/POST/#", "$iothub/twin/res/#");
    await expect(call(test, key)).rejects.toMatchObject(offline);
    await client.subscribe(filter);
    await client.unsubscribe(filter);
    await expect(call(test, key)).rejects.toMatchObject(offline);
    expect(client.waiting).toEqual([]);
  });

  it("waits for the client to subscribe as long as the caller does", async () => {
    const test = await startTestHub();
    const result = call(test, key, { connectTimeoutInSeconds: 10 });
    const client = await test.connect(key);
    test.clock.advance(3_000);
    await client.subscribe(filter);
    await client.nextPublish();
    client.publish(`${response}200/?$rid=1`, "1");
    expect(await result).toEqual({ status: 200, payload: 1 });
    await client.unsubscribe(filter);
    const { pending } = test.clock;
    const inVain = call(test, key, { connectTimeoutInSeconds: 10 });
    await vi.waitFor(() => expect(test.clock.pending).toBe(pending + 1));
    test.clock.advance(10_000);
    await expect(inVain).rejects.toMatchObject(offline);
  });

  it("reaches the client of a stored session from CONNACK on", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    client.reset();
    await client.closed;
    await test.endings(key);
    await expect(call(test, key)).rejects.toMatchObject(offline);
    const result = call(test, key, { connectTimeoutInSeconds: 10 });
    const again = await test.connect(key);
    expect((await again.nextPublish()).topic).toBe("$iothub/methods/POST/reboot/?$rid=1");
    again.publish(`${response}200/?$rid=1`, "");
    expect((await result).status).toBe(200);
  });

  it("ends with its connection; an answer on a newer one is for nobody", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    const result = call(test, key);
    await client.nextPublish();
    const again = await test.connect(key);
    await expect(result).rejects.toMatchObject({ name: "DeviceConnectionClosedRemotely" });
    again.publish(`${response}200/?$rid=1`, "", { qos: 1 });
    expect((await again.next()).cmd).toBe("puback");
    const next = call(test, key);
    await again.nextPublish();
    again.end();
    await expect(next).rejects.toMatchObject({ name: "DeviceConnectionClosedRemotely" });
  });

  it("is one of ten that may be open, and a silent client keeps nobody else waiting", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    const results = Array.from({ length: 10 }, () => call(test, key));
    for (let i = 0; i < 10; i++) await client.nextPublish();
    await expect(call(test, key)).rejects.toMatchObject({
      name: "DeviceMaximumInflightMethodExceeded",
    });
    await client.subscribe("$iothub/twin/res/#");
    client.publish("$iothub/twin/GET/?$rid=1", "");
    expect((await client.nextPublish()).topic).toMatch(/^\$iothub\/twin\/res\/200/);
    client.publish(`${response}200/?$rid=a`, "");
    expect((await results[9])?.status).toBe(200);
    test.clock.advance(30_000);
    for (const result of results.slice(0, 9))
      await expect(result).rejects.toMatchObject({ name: "GatewayTimeout" });
  });

  it("may be the only one that the client has subscribed to", async () => {
    const test = await startTestHub();
    const client = await test.connect(key);
    await client.subscribe("$iothub/methods/POST/reboot/#");
    await expect(call(test, key, { methodName: "other" })).rejects.toMatchObject(offline);
    const result = call(test, key);
    expect((await client.nextPublish()).topic).toBe("$iothub/methods/POST/reboot/?$rid=1");
    client.publish(`${response}200/?$rid=1`, "");
    expect((await result).status).toBe(200);
  });

  it("keeps the name of a component's command as it is", async () => {
    const test = await startTestHub();
    const client = await subscriber(test, key);
    void call(test, key, { methodName: "thermostat1*getMaxMinReport" });
    expect((await client.nextPublish()).topic).toBe(
      "$iothub/methods/POST/thermostat1*getMaxMinReport/?$rid=1",
    );
  });
});
