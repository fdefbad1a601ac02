import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type HubUnderTest,
  hostName,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { type EventReader, openEvents } from "../../../../test/support/sse.ts";

let hub: HubUnderTest;
let streams: EventReader[] = [];
beforeEach(async () => {
  hub = await startHubUnderTest({ limits: { eventStreams: 3 } });
  for (const path of ["/devices/d1", "/devices/d2", "/devices/d1/modules/m1"])
    await hub.call("PUT", path, { body: {} });
});
afterEach(async () => {
  for (const stream of streams) stream.response.destroy();
  streams = [];
  await hub.stop();
});

async function open(query = "", headers: Record<string, string> = {}): Promise<EventReader> {
  const stream = await openEvents(hub.port, `/$hub/events${query}`, {
    host: hostName,
    authorization: hub.token({ policy: "service" }),
    ...headers,
  });
  streams.push(stream);
  return stream;
}

function publish(
  identity: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<unknown> {
  return hub.call("POST", `/devices/${identity}/messages/events`, {
    body,
    headers,
    policy: "device",
  });
}

describe("GET /$hub/events of an endpoint", () => {
  const log = "/$hub/endpoints/alarms";

  it("shows the event log of the endpoint, until it is deleted", async () => {
    expect((await hub.call("PUT", log, { body: { type: "log" } })).status).toBe(201);
    await hub.call("PUT", "/$hub/routes/r", { body: { endpointNames: ["alarms"] } });
    const stream = await open("?endpoint=alarms&from=earliest");
    await publish("d1", "one");
    await publish("d1/modules/m1", "two");
    const events = await stream.next(2);
    expect(events.map(({ data }) => data)).toMatchObject([
      { sequenceNumber: 1, deviceId: "d1", body: "one" },
      { sequenceNumber: 2, deviceId: "d1", moduleId: "m1", body: "two" },
    ]);
    await hub.call("DELETE", "/$hub/routes/r");
    expect((await hub.call("DELETE", log)).status).toBe(204);
    expect((await stream.next(4)).slice(2)).toMatchObject([
      { event: "error", data: { name: "GenericNotFound" } },
      { event: "end", data: { reason: "refused" } },
    ]);
  });

  it("refuses an endpoint that is not there or has no log", async () => {
    const refused = await hub.call("GET", "/$hub/events?endpoint=none");
    expect([refused.status, refused.headers["iothub-errorcode"]]).toEqual([404, "GenericNotFound"]);
  });
});

describe("GET /$hub/events", () => {
  it("shows messages as they come, whose they are, and what they carry", async () => {
    await publish("d1", "before");
    const stream = await open();
    expect(stream.response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    await publish("d1/modules/m1", '{"t":21}', {
      "iothub-contenttype": "application/json; charset=utf-8",
      "iothub-messageid": "mid",
      "iothub-app-level": "high",
    });
    const [event] = await stream.next(1);
    expect(event).toMatchObject({
      id: "2",
      event: undefined,
      data: {
        partition: 0,
        sequenceNumber: 2,
        source: "Telemetry",
        deviceId: "d1",
        moduleId: "m1",
        systemProperties: { messageId: "mid", contentType: "application/json; charset=utf-8" },
        applicationProperties: { level: "high" },
        bodyEncoding: "json",
        body: { t: 21 },
      },
    });
  });

  it.each([
    ["text", "a\nb", "a\nb", "text"],
    ["JSON that does not say so", '{"t":1}', '{"t":1}', "text"],
    ["bytes", Buffer.from([0, 255]), "AP8=", "base64"],
  ])("shows %s as it can be read", async (_what, body, shown, bodyEncoding) => {
    const stream = await open();
    await publish("d1", body);
    expect((await stream.next(1))[0]?.data).toMatchObject({ body: shown, bodyEncoding });
  });

  it("shows broken JSON as text", async () => {
    const stream = await open();
    await publish("d1", "{", { "iothub-contenttype": "application/json" });
    expect((await stream.next(1))[0]?.data).toMatchObject({ body: "{", bodyEncoding: "text" });
  });

  it("begins where it is told: earliest, a time, an id", async () => {
    await publish("d1", "1");
    hub.clock.advance(10_000);
    const between = new Date(hub.clock.now() - 5_000).toISOString();
    await publish("d1", "2");
    await publish("d1", "3");
    const bodies = async (query: string, headers?: Record<string, string>, count = 1) =>
      (await (await open(query, headers)).next(count)).map(({ data }) => data["body"]);
    expect(await bodies("?from=earliest", {}, 3)).toEqual(["1", "2", "3"]);
    expect(await bodies(`?from=${between}`, {}, 2)).toEqual(["2", "3"]);
    expect(await bodies("?from=earliest", { "last-event-id": "2" })).toEqual(["3"]);
  });

  it("shows only what it is asked for, and its position goes on all the same", async () => {
    const stream = await open("?deviceId=d1&moduleId=m1&source=telemetry");
    await publish("d1", "device");
    await publish("d2", "other");
    await publish("d1/modules/m1", "module");
    await publish("d2", "other");
    const events = await stream.next(1);
    expect(events.map(({ data }) => data["body"])).toEqual(["module"]);
    hub.clock.advance(15_000);
    await expect.poll(() => stream.lastId).toBe("4");
    expect(stream.events).toHaveLength(1);
  });

  it("leaves out what is more than the rate, shows the newest, and says how many it left out", async () => {
    for (let index = 1; index <= 50; index++) await publish("d1", String(index));
    const stream = await open("?from=earliest&rate=40");
    // A quarter of a second has room for ten.
    const events = await stream.next(12);
    expect(events[0]).toMatchObject({ id: "0", event: "position", data: { skipped: 0 } });
    const shown = events.filter(({ event }) => event === undefined);
    expect(shown.map(({ data }) => data["body"])).toEqual(
      Array.from({ length: 10 }, (_, index) => String(41 + index)),
    );
    expect(events.at(-1)).toMatchObject({ id: "50", event: "position", data: { skipped: 40 } });
    await publish("d1", "51");
    expect((await stream.next(13)).at(-1)?.data["body"]).toBe("51");
  });

  it("reads every message that a filter may choose, whatever the rate", async () => {
    for (let index = 1; index <= 50; index++)
      await publish(index % 25 === 0 ? "d1/modules/m1" : "d1", String(index));
    const stream = await open("?from=earliest&rate=8&moduleId=m1");
    const events = await stream.next(3);
    expect(events.slice(1).map(({ data }) => data["body"])).toEqual(["25", "50"]);
    for (let index = 51; index <= 54; index++) await publish("d1/modules/m1", String(index));
    await expect
      .poll(() => events.filter(({ event }) => event === undefined).length)
      .toBeGreaterThanOrEqual(2);
    await expect.poll(() => stream.lastId).toBe("54");
    const counted = stream.events.reduce(
      (sum, { event, data }) => sum + (event === undefined ? 1 : Number(data["skipped"])),
      0,
    );
    expect(counted).toBe(6);
  });

  it.each(["?from=yesterday", "?from=1.2", "?from=-1", "?rate=0", "?rate=many"])(
    "refuses %s",
    async (query) => {
      const answer = await hub.call("GET", `/$hub/events${query}`, { policy: "service" });
      expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentInvalid"]);
    },
  );

  it("needs ServiceConnect", async () => {
    for (const policy of [null, "device", "registryReadWrite"])
      for (const path of ["/$hub/events", "/$hub/events/partitions"])
        expect((await hub.call("GET", path, { policy })).status).toBe(401);
  });

  it("ends with the reason once its token is no longer accepted", async () => {
    const expiry = Math.floor(hub.clock.now() / 1000) + 10;
    const stream = await open("", { authorization: hub.token({ policy: "service", expiry }) });
    hub.clock.advance(330_000);
    const [end] = await stream.next(1);
    expect(end).toMatchObject({ event: "end", data: { reason: "unauthorized" } });
    await expect.poll(() => stream.ended).toBe(true);
  });

  it("ends when the hub stops, which does not wait for it", async () => {
    const stream = await open();
    await hub.head.stop();
    const [end] = await stream.next(1);
    expect(end).toMatchObject({ event: "end", data: { reason: "hubStopping" } });
  });

  it("refuses more streams than its limit, and has room again when one has ended", async () => {
    const first = await open();
    await open();
    await open();
    const refused = await hub.call("GET", "/$hub/events?");
    expect([refused.status, refused.headers["iothub-errorcode"]]).toEqual([
      503,
      "ServiceUnavailable",
    ]);
    first.response.destroy();
    await expect
      .poll(async () => (await hub.call("GET", "/$hub/events?from=bad")).status)
      .toBe(400);
    await expect
      .poll(async () =>
        open().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it("lets go of a reader that does not read, who resumes without a gap", async () => {
    const stream = await open();
    stream.response.pause();
    const big = "x".repeat(200_000);
    // More than what two sockets' buffers hold.
    for (let index = 0; index < 60; index++) await publish("d1", `${index} ${big}`);
    hub.clock.advance(30_000);
    stream.response.resume();
    await expect.poll(() => stream.events.at(-1)?.event).toBe("end");
    expect(stream.events.at(-1)?.data).toEqual({ reason: "slowReader" });
    const seen = stream.events.length - 1;
    expect(seen).toBeLessThan(60);
    const rest = await open("", { "last-event-id": stream.lastId });
    const events = await rest.next(60 - seen);
    expect(events[0]?.data["sequenceNumber"]).toBe(seen + 1);
    expect(events).toHaveLength(60 - seen);
  });
});

describe("GET /$hub/events/partitions", () => {
  it("tells where the log begins and ends", async () => {
    const path = "/$hub/events/partitions";
    expect((await hub.call("GET", path)).body).toEqual([
      { partition: 0, firstSequenceNumber: 1, lastSequenceNumber: 0, lastEnqueuedTime: null },
    ]);
    await publish("d1", "1");
    const { body } = await hub.call("GET", path);
    expect(body).toMatchObject([{ firstSequenceNumber: 1, lastSequenceNumber: 1 }]);
    expect(Date.parse(body[0].lastEnqueuedTime)).not.toBeNaN();
  });
});
