import { createHmac } from "node:crypto";
import type { IConnectPacket, Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { createSasToken } from "../../wire/sas-token.ts";
import { type TestClient, connectPacket } from "./testing/client.ts";
import {
  both,
  device,
  disable,
  exampleKey,
  hostName,
  moduleOne,
  otherKey,
  owner,
  startTestHub,
  type TestHub,
} from "./testing/test-hub.ts";
import { anyEtag } from "../../domain/identity/etag.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";

/** The code of the CONNACK, after which the hub must close if it is not 0. */
async function code(test: TestHub, packet: Partial<IConnectPacket>): Promise<number> {
  const client = test.open();
  client.send(connectPacket(packet));
  return codeOf(client);
}

async function codeOf(client: TestClient): Promise<number> {
  const connack: Packet = await client.next();
  if (connack.cmd !== "connack") throw new Error("expected CONNACK");
  expect(Buffer.concat(client.chunks)).toHaveLength(4);
  const returnCode = connack.returnCode ?? -1;
  if (returnCode !== 0) await client.closed;
  return returnCode;
}

function token(
  key: IdentityKey,
  resource: string,
  signingKey = exampleKey,
): Partial<IConnectPacket> {
  const password = Buffer.from(
    createSasToken({ resource, key: signingKey, expiry: 1_893_456_000 }),
  );
  return { clientId: keyText(key), username: `${hostName}/${keyText(key)}`, password };
}

describe.each(both)("CONNECT of a %s", (_, key) => {
  const resource = `${hostName}/devices/${keyText(key).replace("/", "/modules/")}`;

  it("is accepted with either key, and with every form of user name (M3, M4)", async () => {
    const test = await startTestHub();
    expect(await code(test, test.credentials(key))).toBe(0);
    expect(await code(test, test.credentials(key, { key: otherKey }))).toBe(0);
    const ids = keyText(key);
    for (const username of [
      `${hostName}/${ids}`,
      `${hostName}/${ids}/`,
      `${hostName}/${ids}/api-version=2016-11-14&DeviceClientType=x`,
      `${hostName}/${ids}/?DeviceClientType=x&api-version=2021-04-12`,
      `other.host:18883/${ids}/?api-version=2021-04-12`,
    ])
      expect(await code(test, { ...test.credentials(key), username })).toBe(0);
  });

  it("is accepted with an encoded, a raw, and a lower-case escaped resource (M4)", async () => {
    const test = await startTestHub();
    const password = (resourceText: string): Buffer => signRaw(resourceText);
    for (const text of [
      encodeURIComponent(resource),
      resource,
      encodeURIComponent(resource).replaceAll("%2F", "%2f"),
    ])
      expect(await code(test, { ...test.credentials(key), password: password(text) })).toBe(0);
  });

  it("is accepted up to five minutes after its token's end (M4)", async () => {
    const test = await startTestHub();
    const ago = (minutes: number) => ({ expires: test.clock.now() - minutes * 60_000 });
    expect(await code(test, test.credentials(key, ago(4)))).toBe(0);
    expect(await code(test, test.credentials(key, ago(6)))).toBe(5);
  });

  it("is refused with 5, whatever is wrong with it (M5)", async () => {
    const test = await startTestHub();
    const good = test.credentials(key);
    const other = key.moduleId === undefined ? moduleOne : device;
    const unknown = { deviceId: "nobody", moduleId: key.moduleId };
    const refusals: Partial<IConnectPacket>[] = [
      test.credentials(key, { key: Buffer.alloc(32, 9).toString("base64") }),
      test.credentials(unknown),
      { ...good, clientId: keyText(other) },
      { ...good, clientId: keyText(key).toUpperCase() },
      { ...good, username: `${hostName}/${keyText(other)}/?api-version=2021-04-12` },
      { ...good, username: "no slash" },
      { ...good, username: `${hostName}//` },
      { ...good, password: Buffer.from("secret") },
      { ...good, password: Buffer.alloc(0) },
      { clientId: good.clientId ?? "", username: good.username ?? "" },
      { clientId: good.clientId ?? "" },
      { clientId: "", clean: true, username: good.username ?? "", password: good.password ?? "" },
      { ...good, password: test.credentials(other).password ?? "" } as Partial<IConnectPacket>,
    ].map((packet) => packet as Partial<IConnectPacket>);
    const codes: number[] = [];
    for (const packet of refusals) {
      codes.push(await code(test, packet));
      test.clock.advance(60_000);
    }
    expect(codes).toEqual(refusals.map(() => 5));
  });

  it("is refused with 3 while the device is disabled, with 5 once it is gone (M5, M20)", async () => {
    const test = await startTestHub();
    await disable(test.hub, "dev1");
    expect(await code(test, test.credentials(key))).toBe(3);
    await test.hub.identities.delete(owner, device, anyEtag);
    expect(await code(test, test.credentials(key))).toBe(5);
  });

  it("is refused with 5 when a certificate is shown for an identity with keys", async () => {
    const test = await startTestHub();
    const client = test.open({ certificate: { chain: [Buffer.from("no certificate")] } });
    const { clientId = "", username = "" } = test.credentials(key);
    client.send(connectPacket({ clientId, username }));
    expect(await codeOf(client)).toBe(5);
  });

  it("is refused with 3 when the hub fails, and the failure is logged with its stack", async () => {
    const test = await startTestHub({
      wrap: (hub) => ({
        ...hub,
        connections: { ...hub.connections, open: () => Promise.reject(new TypeError("bug")) },
      }),
    });
    expect(await code(test, test.credentials(key))).toBe(3);
    const [failure] = test.logged.filter(({ level }) => level === "error");
    expect(failure?.fields).toMatchObject({ err: expect.any(TypeError) });
  });

  it("remembers the model id, and keeps it when a later CONNECT names none", async () => {
    const test = await startTestHub();
    const username = `${hostName}/${keyText(key)}/?api-version=2021-04-12&model-id=dtmi%3Acom%3Ax%3B1`;
    expect(await code(test, { ...test.credentials(key), username })).toBe(0);
    expect(await code(test, test.credentials(key))).toBe(0);
    expect((await test.hub.twins.get(owner, key)).body["modelId"]).toBe("dtmi:com:x;1");
  });
});

describe("CONNECT", () => {
  it("of a module is refused with its device's key, whatever the audience (M5)", async () => {
    const test = await startTestHub();
    const deviceKey = Buffer.alloc(32, 5).toString("base64");
    const authentication = { symmetricKey: { primaryKey: deviceKey, secondaryKey: deviceKey } };
    await test.hub.identities.putDevice(owner, "dev1", { authentication }, anyEtag);
    for (const path of ["devices/dev1", "devices/dev1/modules/mod1"])
      expect(await code(test, token(moduleOne, `${hostName}/${path}`, deviceKey))).toBe(5);
    expect(await code(test, token(device, `${hostName}/devices/dev1`, deviceKey))).toBe(0);
  });

  it("of another protocol version is refused with 1 (M5)", async () => {
    const test = await startTestHub();
    const version5 = { ...test.credentials(device), protocolVersion: 5 as const };
    const version3 = {
      ...test.credentials(device),
      protocolId: "MQIsdp" as const,
      protocolVersion: 3 as const,
    };
    expect(await code(test, version5)).toBe(1);
    expect(await code(test, version3)).toBe(1);
  });

  it("must be the first packet, and complete within 60 seconds", async () => {
    const test = await startTestHub();
    const wrong = test.open();
    wrong.send({ cmd: "pingreq" });
    await wrong.closed;
    expect(wrong.chunks).toEqual([]);

    const slow = test.open();
    slow.sendBytes(Buffer.of(0x10));
    await Promise.resolve();
    test.clock.advance(59_999);
    expect(slow.serverEnd.writableEnded).toBe(false);
    test.clock.advance(1);
    await slow.closed;
    expect(test.clock.pending).toBeLessThanOrEqual(2);
  });

  it("may be followed by requests in the same segment, which wait for its answer (M6)", async () => {
    const test = await startTestHub();
    const client = test.open();
    client.send(
      connectPacket(test.credentials(moduleOne)),
      { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$iothub/twin/res/#", qos: 0 }] },
      {
        cmd: "publish",
        topic: "$iothub/twin/GET/?$rid=a",
        payload: "",
        qos: 1,
        messageId: 2,
        dup: false,
        retain: false,
      },
    );
    const commands = [];
    for (let i = 0; i < 4; i++) commands.push((await client.next()).cmd);
    expect(commands).toEqual(["connack", "suback", "puback", "publish"]);
  });

  it("that was refused ten times in ten seconds is answered late (spec/mqtt §2.7)", async () => {
    const test = await startTestHub();
    const wrong = test.credentials(device, { key: Buffer.alloc(32, 9).toString("base64") });
    for (let i = 0; i < 10; i++) expect(await code(test, wrong)).toBe(5);
    const late = test.open();
    late.send(connectPacket(wrong));
    const wait = (): boolean =>
      test.logged.filter(({ message }) => message === "CONNECT refused").length === 11;
    while (!wait()) await new Promise((resolve) => setImmediate(resolve));
    expect(late.chunks).toEqual([]);
    test.clock.advance(2_000);
    expect(await codeOf(late)).toBe(5);
    // Others are not held up.
    expect(await code(test, test.credentials(device))).toBe(0);
  });

  it("never shows a token in the log", async () => {
    const test = await startTestHub();
    await code(test, test.credentials(device));
    await code(test, test.credentials(device, { key: otherKey.replace("B", "C") }));
    expect(JSON.stringify(test.logged)).not.toMatch(/SharedAccessSignature|sig=/);
    expect(test.logged.length).toBeGreaterThan(1);
  });

  it("is not accepted by a head that has stopped or is full", async () => {
    const test = await startTestHub({ limits: { connections: 1 } });
    await test.connect(device);
    const second = test.open();
    await second.closed;
    await test.head.stop();
    const third = test.open();
    await third.closed;
    expect([second.chunks, third.chunks]).toEqual([[], []]);
  });
});

function signRaw(resource: string): Buffer {
  // createSasToken encodes; here the text stands as it is.

  const expiry = "1893456000";
  const signature = createHmac("sha256", Buffer.from(exampleKey, "base64"))
    .update(`${resource}\n${expiry}`)
    .digest("base64");
  return Buffer.from(
    `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}`,
  );
}
