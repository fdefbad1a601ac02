import { once } from "node:events";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type HubUnderTest, startHubUnderTest } from "../../../test/support/http-hub.ts";
import type { Peer } from "../head.ts";

interface Accepted {
  readonly stream: Duplex;
  readonly peer: Peer;
}

let hub: HubUnderTest;
let accepted: Accepted[];
beforeEach(async () => {
  accepted = [];
  hub = await startHubUnderTest({ limits: { webSockets: 2, webSocketMessageBytes: 70_000 } });
  hub.head.registerWebSocket("mqtt", {
    accept: (stream, peer) => void accepted.push({ stream, peer }),
  });
});
afterEach(() => hub.stop());

function dial(protocols: string | string[], path = "/$iothub/websocket"): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${hub.port}${path}`, protocols);
}

async function opened(): Promise<{ client: WebSocket; stream: Duplex }> {
  const client = dial("mqtt");
  await once(client, "open");
  const { stream } = accepted.at(-1) as Accepted;
  return { client, stream };
}

async function refusal(client: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(client, "unexpected-response")) as [
    unknown,
    { statusCode?: number },
  ];
  client.on("error", () => undefined);
  client.terminate();
  return response.statusCode;
}

describe("a WebSocket", () => {
  it.each([
    ["mqtt", "mqtt"],
    ["MQTT", "MQTT"],
    [["other", "Mqtt"], "Mqtt"],
  ])("that offers %s gets %s echoed letter by letter", async (offered, echoed) => {
    const client = dial(offered);
    await once(client, "open");
    expect([client.protocol, client.extensions]).toEqual([echoed, ""]);
    expect(accepted[0]?.peer).toMatchObject({ transport: "websocket", certificate: undefined });
    expect(accepted[0]?.peer.address).toMatch(/^127\.0\.0\.1:\d+$/);
    client.close();
  });

  it.each([
    "/$iothub/websocket?iothub-no-client-cert=true",
    "/%24iothub/websocket",
    "/:443/$iothub/websocket",
  ])("may be asked for at %s", async (path) => {
    const client = dial("mqtt", path);
    await once(client, "open");
    client.close();
  });

  it.each([
    ["AMQPWSB10", "/$iothub/websocket", 400],
    ["other", "/$iothub/websocket", 400],
    ["mqtt", "/devices", 404],
    ["mqtt", "/x$iothub/websocket", 404],
    ["mqtt", "/$iothub/websocket/x", 404],
  ])("for %s at %s is refused with %s", async (protocol, path, status) => {
    expect(await refusal(dial(protocol, path))).toBe(status);
    expect(accepted).toEqual([]);
  });

  it("that offers no sub-protocol is refused with 400", async () => {
    expect(await refusal(dial([]))).toBe(400);
  });

  it("above the limit is refused with 503 until another ends", async () => {
    const first = await opened();
    await opened();
    expect(await refusal(dial("mqtt"))).toBe(503);
    first.client.close();
    await once(first.stream.resume(), "close");
    await opened();
  });

  it("is one byte stream, whatever the frames are", async () => {
    const { client, stream } = await opened();
    for (const part of ["a", "bcd", "", "ef"]) client.send(Buffer.from(part));
    let text = "";
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await expect.poll(() => text).toBe("abcdef");
    const received: Buffer[] = [];
    client.on("message", (data: Buffer, isBinary) => void (isBinary && received.push(data)));
    stream.write("x");
    stream.write("yz");
    await expect.poll(() => Buffer.concat(received).toString()).toBe("xyz");
  });

  it("that sends text is closed with 1003, and the text goes nowhere", async () => {
    const { client, stream } = await opened();
    const bytes: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => bytes.push(chunk));
    client.send("hello");
    const [code] = (await once(client, "close")) as [number];
    expect([code, bytes]).toEqual([1003, []]);
  });

  it("that sends more than the limit at once is closed with 1009", async () => {
    const { client, stream } = await opened();
    stream.on("error", () => undefined);
    client.send(Buffer.alloc(70_001));
    const [code] = (await once(client, "close")) as [number];
    expect(code).toBe(1009);
    expect(stream.destroyed).toBe(true);
  });

  it("whose peer has not proven itself is cut off when it sends more than a sign-in may take", async () => {
    const { client, stream } = await opened();
    stream.on("error", () => undefined);
    const closed = once(client, "close");
    client.on("error", () => undefined);
    for (let sent = 0; sent < 8; sent += 1) client.send(Buffer.alloc(40_000));
    stream.resume();
    expect(await closed).toEqual([1006, expect.anything()]);
  });

  it("answers pings", async () => {
    const { client } = await opened();
    client.ping("p");
    const [data] = (await once(client, "pong")) as [Buffer];
    expect(data.toString()).toBe("p");
  });

  it("holds the sender back while nobody reads", async () => {
    const { client, stream } = await opened();
    accepted.at(-1)?.peer.authenticated?.();
    const chunk = Buffer.alloc(64_000, 1);
    const total = 1_500;
    for (let i = 0; i < total; i += 1) client.send(chunk);
    await expect.poll(() => stream.readableLength >= stream.readableHighWaterMark).toBe(true);
    // The socket's own buffers take some; most of 96 MB must still be with the sender.
    await new Promise((resolve) => void setImmediate(resolve));
    expect(stream.readableLength).toBeLessThan(1_000_000);
    expect(client.bufferedAmount).toBeGreaterThan(30_000_000);
    let read = 0;
    for await (const part of stream) {
      read += (part as Buffer).length;
      if (read === chunk.length * total) break;
    }
    expect(read).toBe(chunk.length * total);
  });

  it("ends the stream when the peer closes it", async () => {
    const { client, stream } = await opened();
    client.close(1000);
    const closed = once(stream.resume(), "close");
    await closed;
    expect(stream.destroyed).toBe(true);
  });

  it("ends the stream when the peer is gone without a word", async () => {
    const { client, stream } = await opened();
    client.terminate();
    await once(stream.resume(), "close");
    expect(stream.destroyed).toBe(true);
  });

  it("gets a Close frame when the stream is ended or destroyed, with all that was written before", async () => {
    for (const finish of ["end", "destroy"] as const) {
      const { client, stream } = await opened();
      const received: Buffer[] = [];
      client.on("message", (data: Buffer) => received.push(data));
      stream.write("bye", () => stream[finish]());
      const [code] = (await once(client, "close")) as [number];
      expect([code, Buffer.concat(received).toString()]).toEqual([1000, "bye"]);
    }
  });

  it("whose peer does not answer a Close is cut off after the limit", async () => {
    const { client, stream } = await opened();
    client.pause();
    stream.destroy();
    await once(stream, "close");
    const gone = once(client, "close");
    hub.clock.advance(2_000);
    client.resume();
    await gone;
  });

  it("is told 1001 when the hub stops", async () => {
    const { client } = await opened();
    const closed = once(client, "close") as Promise<[number]>;
    await hub.head.stop();
    expect((await closed)[0]).toBe(1001);
  });
});
