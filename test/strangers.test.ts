import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type Socket, connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { type TestHub, type TestHubOptions, startHub } from "../src/testing/start-hub.ts";
import { createSasToken } from "../src/wire/sas-token.ts";
import { MqttClient } from "./support/mqtt-client.ts";

let hub: TestHub | undefined;
const open: Socket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await hub?.stop();
  hub = undefined;
});

type Strangers = TestHubOptions["strangers"];
type Port = keyof TestHub["ports"];
const ports: readonly Port[] = ["https", "mqtts", "amqps"];

async function start(strangers: NonNullable<Strangers>): Promise<TestHub> {
  hub = await startHub({ strangers });
  await hub.createDevice("d1");
  await hub.createModule("d1", "m1");
  return hub;
}

/** A bare TCP connection, as somebody opens it who never speaks. */
function tcp({ ports: numbers }: TestHub, port: Port): Socket {
  const socket = connectTcp(numbers[port], "127.0.0.1");
  socket.on("error", () => undefined);
  open.push(socket);
  return socket;
}

/** What is written before its TLS handshake follows behind it. */
function startTls({ ports: numbers, caPem }: TestHub, port: Port): TLSSocket {
  const socket = connectTls({ port: numbers[port], host: "127.0.0.1", ca: caPem, servername: "" });
  socket.on("error", () => undefined);
  open.push(socket);
  return socket;
}

/** What a client begins its handshake with. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: wire }).on("error", () => undefined);
  });
}

/** Past its TLS handshake. */
async function tls(target: TestHub, port: Port): Promise<TLSSocket> {
  const socket = startTls(target, port);
  await once(socket, "secureConnect");
  return socket;
}

/** Resolves with all that came, as Latin-1, when the hub has ended the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  socket.on("end", () => socket.end());
  // A reset is an end as well.
  if (!socket.closed) await new Promise((resolve) => void socket.once("close", resolve));
  return text;
}

const upgrade = (protocol: string): string =>
  [
    "GET /$iothub/websocket HTTP/1.1",
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    `Sec-WebSocket-Protocol: ${protocol}`,
    "\r\n",
  ].join("\r\n");

/** The start of each protocol, after which an honest client would go on. */
const beginnings: readonly (readonly [string, Port, string])[] = [
  ["MQTT, silent", "mqtts", ""],
  ["MQTT, half a CONNECT", "mqtts", "\u0010\u007f\u0000\u0004MQTT"],
  ["AMQP, silent", "amqps", ""],
  ["AMQP, a SASL header", "amqps", "AMQP\u0003\u0001\u0000\u0000"],
  ["HTTP, silent", "https", ""],
  ["HTTP, half of the headers", "https", "GET /health HTTP/1.1\r\nHost: "],
  [
    "HTTP, half of a body",
    "https",
    "POST /$hub/session HTTP/1.1\r\nHost: 127.0.0.1\r\nx-twinhub-portal: 1\r\nContent-Length: 9\r\n\r\n{",
  ],
  ["MQTT over WebSocket", "https", upgrade("mqtt")],
  ["AMQP over WebSocket", "https", upgrade("AMQPWSB10")],
];

async function ownToken(
  target: TestHub,
  moduleId: string | undefined,
): Promise<{ clientId: string; username: string; password: Buffer }> {
  const path = moduleId === undefined ? "d1" : `d1/modules/${moduleId}`;
  const { body } = await target.call("GET", `/devices/${path}`);
  const clientId = moduleId === undefined ? "d1" : `d1/${moduleId}`;
  const password = createSasToken({
    resource: `${target.hostName}/devices/${path}`,
    key: body.authentication.symmetricKey.primaryKey,
    expiry: Math.floor(target.clock.now() / 1000) + 3600,
  });
  const username = `${target.hostName}/${clientId}/?api-version=2021-04-12`;
  return { clientId, username, password: Buffer.from(password) };
}

async function connectMqtt(target: TestHub, moduleId: string | undefined): Promise<MqttClient> {
  const address = { host: "127.0.0.1", port: target.ports.mqtts, ca: target.caPem };
  return (await MqttClient.connect(address, await ownToken(target, moduleId))).client;
}

describe("a stranger who takes its time", () => {
  it.each(ports)("loses a connection to %s on which it does not shake hands", async (port) => {
    const target = await start({ handshakeSeconds: 1 });
    expect(await untilClosed(tcp(target, port))).toBe("");
  });

  it.each(ports)(
    "loses a connection to %s on which it begins a handshake and goes no further",
    async (port) => {
      const target = await start({ handshakeSeconds: 1 });
      const hello = await clientHello();
      const [half, whole] = [tcp(target, port), tcp(target, port)];
      half.write(hello.subarray(0, 40));
      whole.write(hello);
      const [toHalf, toWhole] = await Promise.all([untilClosed(half), untilClosed(whole)]);
      expect(toHalf).toBe("");
      // A record of the handshake, or nothing where the machine was so slow that the time was over before.
      expect(["\x16\x03\x03", ""]).toContain(toWhole.slice(0, 3));
    },
  );

  it.each(beginnings)("is cut off: %s", async (_, port, bytes) => {
    const target = await start({ signInSeconds: 1, headersSeconds: 1, bodySeconds: 1 });
    const socket = startTls(target, port);
    const closed = untilClosed(socket);
    socket.write(bytes, "latin1");
    expect(await closed).not.toContain("HTTP/1.1 2");
  });

  it("gains no time over AMQP by sending empty frames", async () => {
    const target = await start({ signInSeconds: 1 });
    const socket = startTls(target, "amqps");
    const closed = untilClosed(socket);
    const emptyFrame = Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]);
    // The header, and an open with the container id "x".
    socket.write(Buffer.from("414d515000010000", "hex"));
    socket.write(Buffer.from("0000001102000000005310c00401a10178", "hex"));
    const sending = setInterval(() => void (socket.writable && socket.write(emptyFrame)), 50);
    try {
      await closed;
    } finally {
      clearInterval(sending);
    }
    expect(socket.destroyed).toBe(true);
  });
});

describe("a stranger who sends a megabyte before it signs in", () => {
  it.each([
    ["MQTT", "mqtts", [0x10, 0x80, 0x80, 0x40]],
    ["AMQP", "amqps", [0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0, 0x00, 0x10, 0x00, 0x00, 2, 1, 0, 0]],
    ["HTTP", "https", [...Buffer.from("GET / HTTP/1.1\r\nX: ")]],
  ] as const)("is refused over %s before it is read", async (_, port, head) => {
    const target = await start({});
    const socket = await tls(target, port);
    const closed = untilClosed(socket);
    socket.write(Buffer.from(head));
    socket.write(Buffer.alloc(1_048_576, 0x61));
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  it.each(["mqtt", "AMQPWSB10"])("is cut off over a WebSocket for %s", async (protocol) => {
    const target = await start({});
    const socket = await tls(target, "https");
    socket.write(upgrade(protocol));
    await once(socket, "data");
    const closed = untilClosed(socket);
    // One binary message of 1,000,000 bytes, masked with zeros.
    socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0]));
    socket.write(Buffer.alloc(900_000));
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});

describe("strangers who come in numbers", () => {
  it.each(ports)("are refused at %s above the limit of their address", async (port) => {
    const target = await start({ strangersPerAddress: 3 });
    const held = [await tls(target, port), await tls(target, port), await tls(target, port)];
    expect(await untilClosed(tcp(target, port))).toBe("");
    expect(held.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
    held[0]?.destroy();
    await expect.poll(async () => (await target.call("GET", "/devices/d1")).status).toBe(200);
  });

  it.each([undefined, "m1"])("do not count with d1 %s, which has signed in", async (moduleId) => {
    const target = await start({ strangersPerAddress: 2 });
    const client = await connectMqtt(target, moduleId);
    const held = [await tls(target, "mqtts"), await tls(target, "amqps")];
    expect(await untilClosed(tcp(target, "mqtts"))).toBe("");
    expect(held.every(({ destroyed }) => !destroyed)).toBe(true);
    client.destroy();
  });

  it.each([undefined, "m1"])(
    "who wait longer than is usual make room for d1 %s",
    async (moduleId) => {
      const target = await start({ strangersPerAddress: 2 });
      const [first] = [await tls(target, "mqtts"), await tls(target, "amqps")];
      const gone = untilClosed(first);
      const before = target.clock.now();
      target.clock.advance(6_000);
      expect(target.clock.now() - before).toBeGreaterThanOrEqual(6_000);
      const client = await connectMqtt(target, moduleId);
      await gone;
      client.destroy();
    },
  );

  it("are refused above the limit of all connections, the hub's own port numbers together", async () => {
    const target = await start({ connections: 3 });
    for (const port of ports) await tls(target, port);
    for (const port of ports) expect(await untilClosed(tcp(target, port))).toBe("");
  });

  it("leave no descriptors behind", async () => {
    const target = await start({ strangersPerAddress: 5 });
    await target.call("GET", "/devices/d1");
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 20; round += 1)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const socket = tcp(target, "mqtts");
          await once(socket, "connect").catch(() => undefined);
          socket.destroy();
        }),
      );
    await expect.poll(() => readdirSync("/proc/self/fd").length - before).toBeLessThan(5);
  });
});

describe("wrong credentials again and again", () => {
  /** CONNECT with a token of a wrong key; the answers that came. */
  async function guess(target: TestHub, moduleId: string | undefined): Promise<string> {
    const address = { host: "127.0.0.1", port: target.ports.mqtts, ca: target.caPem };
    const right = await ownToken(target, moduleId);
    const password = Buffer.from(String(right.password).replace(/sig=[^&]{4}/, "sig=AAAA"));
    return MqttClient.connect(address, { ...right, password }).then(
      () => "accepted",
      (error: unknown) => String(error),
    );
  }

  it.each([undefined, "m1"])(
    "wait for their answers, the right key of d1 %s never",
    async (moduleId) => {
      const target = await start({ failures: 2 });
      for (let i = 0; i < 2; i += 1)
        expect(await guess(target, moduleId)).toMatch(/refused with 5/);
      const started = target.clock.now();
      expect(await guess(target, moduleId)).toMatch(/refused with 5/);
      expect(target.clock.now() - started).toBeGreaterThanOrEqual(1_000);
      const again = target.clock.now();
      const client = await connectMqtt(target, moduleId);
      expect(target.clock.now() - again).toBeLessThan(1_000);
      client.destroy();
    },
  );

  it.each([
    [
      "a service's token",
      {
        authorization:
          "SharedAccessSignature sr=127.0.0.1&sig=YQ%3D%3D&se=4102444800&skn=iothubowner",
      },
      "GET",
      "/twins/d1/modules/m1",
    ],
    [
      "a code at the portal",
      { "x-twinhub-portal": "1", authorization: "" },
      "POST",
      "/$hub/session",
    ],
  ] as const)("are answered 401 and then later, for %s", async (_, headers, method, path) => {
    const target = await start({ failures: 2 });
    const body = method === "POST" ? { code: "guess" } : undefined;
    const attempt = async (): Promise<[number, number]> => {
      const started = target.clock.now();
      const { status } = await target.call(method, path, body, headers);
      return [status, target.clock.now() - started];
    };
    for (let i = 0; i < 2; i += 1) expect(await attempt()).toEqual([401, expect.any(Number)]);
    const [status, waited] = await attempt();
    expect([status, waited >= 1_000]).toEqual([401, true]);
    expect((await target.call("GET", "/twins/d1")).status).toBe(200);
  });
});
