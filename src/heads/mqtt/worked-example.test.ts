import { describe, expect, it } from "vitest";
import {
  device,
  hostName,
  moduleOne,
  owner,
  startTestHub,
  type TestHub,
} from "./testing/test-hub.ts";
import { noPrecondition } from "../../domain/identity/etag.ts";
import type { TestClient } from "./testing/client.ts";

/** Bytes as the specification writes them: hexadecimal pairs and "texts". */
function bytes(text: string): Buffer {
  const parts = text.match(/"[^"]*"|\{.*\}|[0-9a-f]{2}(?![0-9a-f])/g) ?? [];
  return Buffer.concat(
    parts.map((part) => {
      if (part.startsWith('"')) return Buffer.from(part.slice(1, -1));
      return part.startsWith("{") ? Buffer.from(part) : Buffer.from(part, "hex");
    }),
  );
}

async function chunk(client: TestClient): Promise<Buffer> {
  await client.next();
  const received = client.chunks.splice(0);
  return Buffer.concat(received);
}

async function exampleHub(): Promise<TestHub> {
  const test = await startTestHub();
  // The example begins with desired version 7 and reported version 3.
  for (let version = 2; version <= 7; version++) await test.patchDesired(moduleOne, { t: "5m" });
  const principal = await test.hub.auth.identity({
    key: moduleOne,
    credential: { kind: "sas", token: await exampleToken() },
  });
  await test.hub.twins.updateReported(principal, { x: 0 });
  await test.hub.twins.updateReported(principal, { x: null });
  return test;
}

async function exampleToken() {
  const { parseSasToken } = await import("../../wire/sas-token.ts");
  return parseSasToken(password);
}

const password =
  "SharedAccessSignature sr=hub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1&sig=o6BUUqjJ8wopeMM1HPHM91QlAfeD3oZ5q%2FTAofueotA%3D&se=1893456000";

describe("the worked example of a module's life (spec/mqtt §16)", () => {
  it("holds byte for byte", async () => {
    const test = await exampleHub();
    const client = test.open();
    const exchange = async (sent: string, expected: string): Promise<void> => {
      client.sendBytes(bytes(sent));
      expect(await chunk(client)).toEqual(bytes(expected));
    };

    await exchange(
      `10 f3 01 00 04 4d 51 54 54 04 c0 00 b4 00 09 "dev1/mod1"
       00 4d "hub.example.com/dev1/mod1/?api-version=2021-04-12&DeviceClientType=demo%2F1.0"
       00 8d "${password}"`,
      "20 02 00 00",
    );
    await exchange(`82 17 00 01 00 12 "$iothub/twin/res/#" 00`, "90 03 00 01 00");
    await exchange(
      `82 45 00 02 00 27 "$iothub/twin/PATCH/properties/desired/#" 01 00 16 "$iothub/methods/POST/#" 02`,
      "90 04 00 02 01 01",
    );
    await exchange(
      `30 1a 00 18 "$iothub/twin/GET/?$rid=1"`,
      `30 5b 00 1c "$iothub/twin/res/200/?$rid=1"` +
        ` {"desired":{"t":"5m","$version":7},"reported":{"$version":3}}`,
    );
    await exchange(
      `30 37 00 2e "$iothub/twin/PATCH/properties/reported/?$rid=2" {"x":1}`,
      `30 29 00 27 "$iothub/twin/res/204/?$rid=2&$version=4"`,
    );
    client.sendBytes(
      Buffer.concat([
        bytes(`32 37 00 2e "$iothub/twin/PATCH/properties/reported/?$rid=3" 00 03`),
        Buffer.from('{"x":'),
      ]),
    );
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: 3 });
    const failure = await client.nextPublish();
    expect(failure.topic).toBe("$iothub/twin/res/400/?$rid=3");
    expect(client.chunks.splice(0)).toHaveLength(1);
    const error: unknown = JSON.parse(failure.body);
    expect(Object.keys(error as object)).toEqual([
      "errorCode",
      "trackingId",
      "message",
      "timestampUtc",
    ]);
    expect(error).toMatchObject({
      errorCode: 400004,
      trackingId: expect.stringMatching(
        /^[0-9a-f]+-[0-9a-f]+-G:0-TimeStamp:12\/31\/2029 23:00:00$/,
      ),
      message: expect.stringMatching(/./),
      timestampUtc: "2029-12-31T23:00:00.0000000Z",
    });

    await test.hub.twins.patch(
      owner,
      moduleOne,
      { properties: { desired: { t: "10m" } } },
      noPrecondition,
    );
    expect(await chunk(client)).toEqual(
      bytes(
        `30 4b 00 31 "$iothub/twin/PATCH/properties/desired/?$version=8" {"t":"10m","$version":8}`,
      ),
    );
    await exchange(
      `32 75 00 66 "devices/dev1/modules/mod1/messages/events/%24.mid=m1&%24.ct=application%2Fjson&%24.ce=utf-8&level=high" 00 04 {"temp":21}`,
      "40 02 00 04",
    );
    await exchange("c0 00", "d0 00");
    await exchange(`a2 1a 00 05 00 16 "$iothub/methods/POST/#"`, "b0 02 00 05");
    client.sendBytes(bytes("e0 00"));
    await client.closed;

    expect(await test.endings(moduleOne)).toEqual(["clientDisconnected"]);
    const [logged] = await test.messages();
    expect(logged?.message).toMatchObject({
      key: moduleOne,
      system: { messageId: "m1", contentType: "application/json", contentEncoding: "utf-8" },
      application: [["level", "high"]],
    });
    expect(Buffer.from(logged?.message.body ?? []).toString()).toBe('{"temp":21}');
  });

  it("accepts the same token with a raw resource, and the stored state at the second time", async () => {
    const test = await exampleHub();
    const connect = {
      password: Buffer.from(
        "SharedAccessSignature sr=hub.example.com/devices/dev1/modules/mod1&sig=xnmTIxAP1KzX1xz5%2BBrHp9ny7L4Z34r%2BQXVEoQdYO7E%3D&se=1893456000",
      ),
    };
    const first = await test.connect(moduleOne, connect);
    first.send({ cmd: "disconnect" });
    await first.closed;
    const second = await test.connect(moduleOne, connect);
    expect(Buffer.concat(second.chunks)).toEqual(bytes("20 02 01 00"));
  });

  it("is refused with 20 02 00 05 for a wrong key, and holds for the device as well", async () => {
    const test = await startTestHub();
    const refused = test.open();
    const { connectPacket } = await import("./testing/client.ts");
    const wrongKey = Buffer.alloc(32, 1).toString("base64");
    refused.send(connectPacket(test.credentials(moduleOne, { key: wrongKey })));
    await refused.closed;
    expect(Buffer.concat(refused.chunks)).toEqual(bytes("20 02 00 05"));

    const client = test.open();
    client.send(
      connectPacket({
        ...test.credentials(device),
        username: `${hostName}/dev1/?api-version=2021-04-12`,
      }),
    );
    await client.next();
    client.publish("devices/dev1/messages/events/level=high", '{"temp":21}', { qos: 1 });
    expect(await client.next()).toMatchObject({ cmd: "puback", messageId: 1 });
    expect((await test.messages())[0]?.message.key).toEqual(device);
  });
});
