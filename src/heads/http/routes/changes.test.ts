import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type HubUnderTest,
  hostName,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { type EventReader, openEvents } from "../../../../test/support/sse.ts";
import type { HubStore } from "../../../app/ports.ts";
import { openSqliteStore } from "../../../stores/sqlite/store.ts";
import { createMemoryStore } from "../../../stores/memory/store.ts";
import { MovableClock } from "../../../testing/movable-clock.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const kinds = [
  { what: "device", path: "d1" },
  { what: "module", path: "d1/modules/m1" },
];

let hub: HubUnderTest;
let readers: EventReader[] = [];

async function start(store?: HubStore): Promise<void> {
  hub = await startHubUnderTest({
    limits: { eventStreams: 3 },
    ...(store === undefined ? {} : { parts: { store } }),
  });
}
beforeEach(() => start());
afterEach(async () => {
  for (const { response } of readers) response.destroy();
  readers = [];
  await hub.stop();
});

const read = (query = ""): Promise<Answer> =>
  hub.call("GET", `/changes?${query}`, { policy: "service" });

async function open(path: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await openEvents(hub.port, path, {
    host: hostName,
    accept: "text/event-stream",
    authorization: hub.token({ policy: "service" }),
    ...headers,
  });
  readers.push(reader);
  return reader;
}

async function make(path: string): Promise<void> {
  await hub.call("PUT", "/devices/d1", { body: {} });
  if (path !== "d1") await hub.call("PUT", `/devices/${path}`, { body: {} });
}

const tag = (path: string, tags: object): Promise<Answer> =>
  hub.call("PATCH", `/twins/${path}`, { body: { tags } });

describe.each(kinds)("GET /changes of a $what", ({ path }) => {
  it("is the changes in pages, each once", async () => {
    await make(path);
    await tag(path, { a: 1 });
    await hub.call("DELETE", `/devices/${path}`, { headers: { "if-match": "*" } });
    const whole = await read();
    const types = whole.body.changes.map((change: { type: string }) => change.type);
    expect(types.slice(-3)).toEqual(["createIdentity", "updateTwin", "deleteIdentity"]);
    const update = whole.body.changes.at(-2);
    expect(update).toMatchObject({ deviceId: "d1", tags: { a: 1 } });
    expect(update.time).toMatch(/^20\d\d-.*Z$/);

    const found: number[] = [];
    for (let after = 0; ;) {
      const { body } = await read(`after=${after}&limit=1`);
      if (body.last === after) break;
      found.push(...body.changes.map((change: { sequence: number }) => change.sequence));
      after = body.last;
    }
    expect(found).toEqual(
      whole.body.changes.map((change: { sequence: number }) => change.sequence),
    );
  });

  it("can be those of twins that match a condition", async () => {
    await make(path);
    await hub.call("PUT", "/devices/other", { body: {} });
    await tag(path, { site: "a" });
    const { body } = await read(`where=${encodeURIComponent("tags.site = 'a'")}`);
    expect(body.changes).toHaveLength(2);
    expect(new Set(body.changes.map((change: { deviceId: string }) => change.deviceId))).toEqual(
      new Set(["d1"]),
    );
  });

  it("streams them, and resumes after the last id that was seen", async () => {
    await make(path);
    const stream = await open("/changes");
    expect(stream.response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    await tag(path, { n: 1 });
    const [first] = await stream.next(1);
    expect(first?.data).toMatchObject({ type: "updateTwin", deviceId: "d1", tags: { n: 1 } });
    expect(first?.data["sequence"]).toBe(Number(first?.id));
    stream.response.destroy();
    await tag(path, { n: 2 });
    await tag(path, { n: 3 });
    const resumed = await open("/changes", { "last-event-id": first?.id ?? "" });
    const events = await resumed.next(2);
    expect(events.map(({ data }) => data["tags"])).toEqual([{ n: 2 }, { n: 3 }]);
  });

  it("shows a live query's rows: enter, ready, change, leave", async () => {
    await make(path);
    await tag(path, { hot: true, n: 1 });
    const source = path === "d1" ? "devices" : "devices.modules";
    const query = `SELECT deviceId, tags.n FROM ${source} WHERE tags.hot = true`;
    const stream = await open(`/$hub/live-query?query=${encodeURIComponent(query)}`);
    await stream.next(2);
    await tag(path, { n: 2 });
    await stream.next(3);
    await tag(path, { unseen: 1 });
    await tag(path, { hot: null });
    const events = await stream.next(4);
    expect(events.map(({ event, data }) => [event, data["row"]])).toEqual([
      ["enter", { deviceId: "d1", n: 1 }],
      ["ready", undefined],
      ["change", { deviceId: "d1", n: 2 }],
      ["leave", undefined],
    ]);
  });

  it("goes on after a restart, from the id before it", async () => {
    await hub.stop();
    const directory = mkdtempSync(join(tmpdir(), "changes-"));
    const openStore = (): Promise<HubStore> =>
      openSqliteStore({
        directory,
        clock: new MovableClock(),
        partitions: 1,
        durability: "os",
        log: silent,
      });
    let store = await openStore();
    await start(store);
    await make(path);
    const stream = await open("/changes?after=0");
    const before = await stream.next(1);
    await tag(path, { n: 1 });
    await hub.stop();
    await store.close();
    store = await openStore();
    await start(store);
    try {
      await tag(path, { n: 2 });
      const resumed = await open("/changes", { "last-event-id": before[0]?.id ?? "" });
      const wanted = path === "d1" ? 2 : 3;
      const events = await resumed.next(wanted);
      expect(events.slice(-2).map(({ data }) => data["tags"])).toEqual([{ n: 1 }, { n: 2 }]);
      expect(events).toHaveLength(wanted);
    } finally {
      for (const { response } of readers) response.destroy();
      await hub.stop();
      await store.close();
      rmSync(directory, { recursive: true });
      await start();
    }
  });
});

describe("GET /changes", () => {
  it.each([
    ["after=x", "after must be a number"],
    ["limit=-1", "limit must be a number"],
    ["where=tags.a%20%3D", "line 1, column"],
    ["after=1000", "The newest change is"],
  ])("refuses %s", async (query, text) => {
    const answer = await read(query);
    expect(answer).toMatchObject({
      status: 400,
      headers: { "iothub-errorcode": "ArgumentInvalid" },
    });
    expect(answer.body.Message).toContain(text);
  });

  it("tells whoever comes too late, and whoever knows another hub's future", async () => {
    await hub.stop();
    const clock = new MovableClock();
    await start(createMemoryStore({ clock, partitions: 1, maxEvents: 3 }));
    for (let n = 0; n < 9; n++) await hub.call("PUT", `/devices/d${n}`, { body: {} });
    await expect.poll(async () => (await read("after=0")).status).toBe(400);
    const { body } = await read("after=0");
    expect(body.Message).toMatch(/Changes before 7 are not kept any more, .* begin after 6/);
    expect((await read("after=6")).body.changes).toHaveLength(3);
  });

  it.each(["registryRead", "device", null])("is not for the policy %s", async (policy) => {
    for (const path of ["/changes?after=0", "/$hub/live-query?query=SELECT%20*%20FROM%20devices"]) {
      expect((await hub.call("GET", path, { policy })).status).toBe(401);
    }
  });

  it.each([
    "SELECT COUNT() FROM devices",
    "SELECT * FROM devices ORDER BY deviceId",
    "SELECT TOP 1 * FROM devices",
    "EXPLAIN SELECT * FROM devices",
    "SELECT * FROM devices.jobs",
    "",
  ])("has no live query of %j", async (query) => {
    const path = `/$hub/live-query?query=${encodeURIComponent(query)}`;
    expect((await hub.call("GET", path, { policy: "service" })).status).toBe(400);
  });
});
