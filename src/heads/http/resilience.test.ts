import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { hostName, type HubUnderTest, startHubUnderTest } from "../../../test/support/http-hub.ts";

let hub: HubUnderTest | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

/** Sends bytes and resolves with all that comes back until the hub closes the connection. */
async function untilClosed(socket: Socket, bytes: string): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => void socket.once("close", resolve));
  socket.write(bytes);
  await closed;
  return Buffer.concat(chunks).toString();
}

function head(target: HubUnderTest, method: string, path: string, extra = ""): string {
  return `${method} ${path}?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hostName}\r\nAuthorization: ${target.token()}\r\n${extra}\r\n`;
}

describe("a slow caller", () => {
  // Seconds, because the requests before and after the slow one have to keep to them on a busy machine.
  const limits = { headersTimeout: 2_000, requestTimeout: 3_000, timeoutCheckInterval: 50 };

  it.each(["/twins/d1", "/twins/d1/modules/m1"])(
    "that does not finish its body loses the connection, and %s stays as it was",
    async (path) => {
      hub = await startHubUnderTest({ limits });
      await hub.call("PUT", "/devices/d1", { body: {} });
      await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
      const text = await untilClosed(
        hub.open(),
        `${head(hub, "PATCH", path, "Content-Length: 20\r\n")}{"tags":{"a":1}}`,
      );
      expect(text).not.toContain("HTTP/1.1 2");
      expect(text).not.toContain("408");
      expect((await hub.call("GET", path)).body.version).toBe(2);
    },
  );

  it("that does not finish its headers loses the connection", async () => {
    hub = await startHubUnderTest({ limits });
    expect(await untilClosed(hub.open(), "GET /health HTTP/1.1\r\nHost: ")).toBe("");
  });
});

describe("a caller that does not read", () => {
  it("loses the connection when it takes nothing of an answer any more", async () => {
    hub = await startHubUnderTest({ limits: { responseStall: 200, requestsPerConnection: 200 } });
    const socket = hub.open();
    socket.on("error", () => undefined);
    socket.pause();
    // More than the buffers of both ends of a connection hold.
    const request = head(hub, "GET", "/openapi.json");
    for (let sent = 0; sent < 200; sent += 1) socket.write(request);
    const { server } = hub;
    const connections = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections).toBe(1);
    await expect.poll(connections).toBe(0);
    socket.destroy();
  });

  it("leaves nothing of its requests behind that would keep others out", async () => {
    hub = await startHubUnderTest({ limits: { requestsInFlight: 20 } });
    for (let round = 0; round < 10; round += 1) {
      const socket = hub.open();
      socket.on("error", () => undefined);
      const gone = new Promise((resolve) => void socket.once("close", resolve));
      socket.write(head(hub, "GET", "/devices").repeat(8));
      socket.destroySoon();
      await gone;
    }
    await expect.poll(async () => (await hub?.call("GET", "/devices"))?.status).toBe(200);
  });

  it("has a bounded number of requests on one connection", async () => {
    const waiting: (() => void)[] = [];
    hub = await startHubUnderTest({
      limits: { requestsPerConnection: 3 },
      change: (api) => ({
        ...api,
        identities: {
          ...api.identities,
          connectedDevices: () => new Promise((resolve) => waiting.push(() => resolve(7))),
        },
      }),
    });
    const closed = untilClosed(hub.open(), head(hub, "GET", "/statistics/service").repeat(4));
    await expect.poll(() => waiting.length).toBe(3);
    expect((await hub.call("GET", "/devices")).status).toBe(200);
    for (const release of waiting) release();
    expect((await closed).match(/HTTP\/1\.1 \d+/g)).toEqual([
      "HTTP/1.1 200",
      "HTTP/1.1 200",
      "HTTP/1.1 200",
      "HTTP/1.1 503",
    ]);
  });
});

describe("a broken request", () => {
  it.each([
    ["no HTTP", "\u0016\u0003\u0001 hello\r\n\r\n", "400"],
    ["headers above the limit", `GET /health HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    [
      "two lengths",
      `POST /devices HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`,
      "400",
    ],
    [
      "a length beside chunks",
      "POST /devices HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "400",
    ],
  ])(
    "(%s) is answered in the ordinary form and ends the connection",
    async (_what, bytes, status) => {
      hub = await startHubUnderTest();
      const text = await untilClosed(hub.open(), bytes);
      expect(text.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
      const body: unknown = JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
      expect(body).toEqual({
        Message: expect.stringMatching(/^ErrorCode:GenericBadRequest;[^;]+$/),
        ExceptionMessage: expect.stringContaining("Tracking ID:"),
      });
    },
  );
});

describe("a request without a Host header", () => {
  it.each(["1.0", "1.1"])("is refused in HTTP/%s in the ordinary form", async (version) => {
    hub = await startHubUnderTest();
    const bytes = `GET /devices HTTP/${version}\r\nConnection: close\r\n\r\n`;
    const text = await untilClosed(hub.open(), bytes);
    expect(text).toContain("HTTP/1.1 400");
    expect(text).toContain("ErrorCode:ArgumentInvalid;Requested Host is not supported");
  });
});

describe("a failure of the hub", () => {
  it("is 500001 with a tracking id; the log has the stack; the connection stays", async () => {
    hub = await startHubUnderTest({
      change: (api) => ({
        ...api,
        twins: { ...api.twins, get: () => Promise.reject(new Error("a detail of the inside")) },
      }),
    });
    const socket = hub.open();
    socket.write(head(hub, "GET", "/twins/d1"));
    const [first] = (await once(socket, "data")) as [Buffer];
    const text = first.toString();
    expect(text).toContain("HTTP/1.1 500");
    expect(text).toContain("iothub-errorcode: ServerError");
    expect(text).toContain("ErrorCode:ServerError;");
    expect(text).not.toContain("inside");
    const logged = hub.log.find(({ level }) => level === "error");
    expect(String((logged?.fields["err"] as Error | undefined)?.stack)).toContain(
      "a detail of the inside",
    );
    expect(text.toLowerCase()).toContain(`x-ms-request-id: ${String(logged?.fields["requestId"])}`);
    socket.write(head(hub, "GET", "/health"));
    const [second] = (await once(socket, "data")) as [Buffer];
    expect(second.toString()).toContain("HTTP/1.1 200");
    socket.destroy();
  });
});

describe("a hub that is busy, not ready or stopping", () => {
  it("answers 503 until it has started, but tells that it is alive", async () => {
    hub = await startHubUnderTest({ started: false });
    const health = await hub.call("GET", "/health?");
    expect([health.status, health.body]).toEqual([200, { status: "healthy" }]);
    const ready = await hub.call("GET", "/ready?");
    expect([ready.status, ready.body]).toEqual([
      503,
      { status: "unavailable", reasons: ["starting"] },
    ]);
    const other = await hub.call("GET", "/devices");
    expect([other.status, other.headers["iothub-errorcode"]]).toEqual([503, "ServiceUnavailable"]);
    await hub.head.start();
    expect((await hub.call("GET", "/ready?")).body).toEqual({ status: "ready", reasons: [] });
  });

  it("is not ready while its store refuses, or does not answer in time, and is alive nevertheless", async () => {
    let asked = 0;
    const answers: (() => Promise<unknown>)[] = [
      () => Promise.resolve(),
      () => Promise.reject(new Error("the disk is gone")),
      () => new Promise(() => undefined),
    ];
    hub = await startHubUnderTest({ askStore: async () => answers[asked++]?.() });
    const target = hub;
    const ready = async (): Promise<unknown> => (await target.call("GET", "/ready?")).body;
    expect(await ready()).toEqual({ status: "ready", reasons: [] });
    expect(await ready()).toEqual({ status: "unavailable", reasons: ["store"] });
    const late = ready();
    await expect.poll(() => asked).toBe(3);
    expect((await target.call("GET", "/health?")).status).toBe(200);
    target.clock.advance(2_000);
    expect(await late).toEqual({ status: "unavailable", reasons: ["store"] });
  });

  it("answers 503 above its limit of requests in flight, and recovers", async () => {
    const waiting: (() => void)[] = [];
    hub = await startHubUnderTest({
      limits: { requestsInFlight: 2 },
      change: (api) => ({
        ...api,
        identities: {
          ...api.identities,
          connectedDevices: () => new Promise((resolve) => waiting.push(() => resolve(7))),
        },
      }),
    });
    const target = hub;
    const running = [1, 2].map(() => target.call("GET", "/statistics/service"));
    await expect.poll(() => waiting.length).toBe(2);
    const refused = await hub.call("GET", "/devices");
    expect([refused.status, refused.headers["iothub-errorcode"]]).toEqual([
      503,
      "ServiceUnavailable",
    ]);
    expect((await hub.call("GET", "/health?")).status).toBe(200);
    expect((await hub.call("GET", "/ready?")).body.reasons).toEqual(["busy"]);
    for (const release of waiting) release();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200]);
    await expect.poll(async () => (await target.call("GET", "/devices")).status).toBe(200);
  });

  it("finishes what is running when it is stopped, and lets nothing new in", async () => {
    const waiting: (() => void)[] = [];
    hub = await startHubUnderTest({
      change: (api) => ({
        ...api,
        identities: {
          ...api.identities,
          connectedDevices: () => new Promise((resolve) => waiting.push(() => resolve(7))),
        },
      }),
    });
    const running = hub.call("GET", "/statistics/service");
    const idle = hub.open();
    idle.write(head(hub, "GET", "/health"));
    await once(idle, "data");
    const idleClosed = once(idle, "close");
    await expect.poll(() => waiting.length).toBe(1);

    const stopped = hub.head.stop();
    await idleClosed;
    expect((await hub.call("GET", "/health?")).status).toBe(200);
    expect((await hub.call("GET", "/ready?")).body.reasons).toEqual(["stopping"]);
    waiting[0]?.();
    const answer = await running;
    expect([answer.status, answer.text]).toEqual([200, '{"connectedDeviceCount":7}']);
    expect(answer.headers.connection).toBe("close");
    await stopped;
  });

  it("does not wait for ever for a request that hangs", async () => {
    hub = await startHubUnderTest({
      limits: { drainTimeout: 5_000 },
      change: (api) => ({
        ...api,
        identities: { ...api.identities, connectedDevices: () => new Promise(() => undefined) },
      }),
    });
    const hanging = hub.call("GET", "/statistics/service").catch(() => "closed");
    await expect.poll(() => hub?.server.listening).toBe(true);
    await new Promise((resolve) => void hub?.server.once("request", resolve));
    const stopped = hub.head.stop();
    hub.clock.advance(5_000);
    await stopped;
    expect(await hanging).toBe("closed");
  });
});
