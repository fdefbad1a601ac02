import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StoreKind, openStore, storeKinds } from "../../../../test/support/app-hub.ts";
import {
  type Answer,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { MovableClock } from "../../../testing/movable-clock.ts";

const kinds = [
  {
    what: "devices",
    source: "devices",
    id: "deviceId",
    name: (n: number) => `d${n}`,
    path: (n: number) => `d${n}`,
  },
  {
    what: "modules",
    source: "devices.modules",
    id: "moduleId",
    name: (n: number) => `m${n}`,
    path: (n: number) => `d0/modules/m${n}`,
  },
];

describe.each(storeKinds)("POST /devices/query on the %s store", (store) => {
  let hub: HubUnderTest;
  beforeEach(async () => {
    hub = await start(store);
    await hub.call("PUT", "/devices/d0", { body: {} });
  });
  afterEach(() => hub.stop());

  const ask = (query: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    hub.call("POST", "/devices/query", { body: { query }, headers, policy: "service" });

  describe.each(kinds)("over $what", ({ source, id, name, path }) => {
    async function make(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        if (path(n) !== "d0") await hub.call("PUT", `/devices/${path(n)}`, { body: {} });
        await hub.call("PATCH", `/twins/${path(n)}`, {
          body: { tags: { n, site: n % 2 === 0 ? "a" : "b" } },
        });
      }
    }
    const names = ({ body }: Answer): string[] =>
      body.map((row: Record<string, string>) => row[id]);

    it("is a bare array of twins, named Twin, without a token on the last page", async () => {
      await make(2);
      const answer = await ask(`SELECT * FROM ${source}`);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        "x-ms-item-type": "Twin",
        "content-type": "application/json; charset=utf-8",
      });
      expect(answer.headers).not.toHaveProperty("x-ms-continuation");
      expect(names(answer)).toEqual([name(0), name(1)]);
      const { body: twin } = await hub.call("GET", `/twins/${path(1)}`);
      expect(answer.body[1]).toEqual(twin);
    });

    it("goes from page to page by the token, and stops", async () => {
      await make(5);
      const found: string[] = [];
      const sizes: number[] = [];
      let token: string | undefined;
      do {
        const answer = await ask(`SELECT * FROM ${source}`, {
          "x-ms-max-item-count": "2",
          ...(token === undefined ? {} : { "x-ms-continuation": token }),
        });
        found.push(...names(answer));
        sizes.push(answer.body.length);
        token = answer.headers["x-ms-continuation"]?.toString();
        expect(token).not.toBe("");
      } while (token !== undefined);
      expect(found).toEqual([0, 1, 2, 3, 4].map(name));
      expect(sizes).toEqual([2, 2, 1]);
    });

    it("has no token after a last page that is full", async () => {
      await make(2);
      const answer = await ask(`SELECT * FROM ${source}`, { "x-ms-max-item-count": "2" });
      expect(answer.body).toHaveLength(2);
      expect(answer.headers).not.toHaveProperty("x-ms-continuation");
    });

    it("is Raw for columns, counts and groups", async () => {
      await make(3);
      const columns = await ask(`SELECT ${id}, tags.n FROM ${source} WHERE tags.n > 1`);
      expect(columns.headers["x-ms-item-type"]).toBe("Raw");
      expect(columns.body).toEqual([{ [id]: name(2), n: 2 }]);
      const count = await ask(`SELECT COUNT() AS n FROM ${source} WHERE tags.site = 'a'`);
      expect(count.body).toEqual([{ n: 2 }]);
      const groups = await ask(
        `SELECT tags.site, COUNT() AS n FROM ${source} WHERE IS_DEFINED(tags.n) GROUP BY tags.site ORDER BY tags.site`,
      );
      expect(groups.body).toEqual([
        { site: "a", n: 2 },
        { site: "b", n: 1 },
      ]);
    });

    it.each(["", "0", "-1", "x", "1.5", "99999999999999999999"])(
      "takes the page size %j for none, or for the largest",
      async (size) => {
        await make(2);
        const answer = await ask(`SELECT * FROM ${source}`, { "x-ms-max-item-count": size });
        expect(names(answer)).toEqual([name(0), name(1)]);
      },
    );

    it("says how it would be answered", async () => {
      await make(1);
      const answer = await ask(`EXPLAIN SELECT * FROM ${source} WHERE tags.site = 'a'`);
      expect(answer.headers["x-ms-item-type"]).toBe("Raw");
      expect(answer.body).toMatchObject([
        store === "memory"
          ? { source, inDatabase: "none" }
          : { source, inDatabase: "all", index: null, parameters: ['"a"'] },
      ]);
    });
  });

  it.each([
    ["a missing member", {}],
    ["null", { query: null }],
    ["an empty text", { query: " " }],
  ])("refuses %s as ArgumentNull", async (_what, body) => {
    const answer = await hub.call("POST", "/devices/query", { body });
    expect(answer).toMatchObject({ status: 400, headers: { "iothub-errorcode": "ArgumentNull" } });
  });

  it("refuses what does not parse with its place", async () => {
    const answer = await ask("SELECT * FROM devices WHERE tags.a = ");
    expect(answer).toMatchObject({
      status: 400,
      headers: { "iothub-errorcode": "ArgumentInvalid" },
    });
    expect(answer.body.Message).toMatch(/line 1, column \d+/);
  });

  it("refuses a token that is none, or another query's", async () => {
    await hub.call("PUT", "/devices/d1", { body: {} });
    const first = await ask("SELECT * FROM devices", { "x-ms-max-item-count": "1" });
    const token = first.headers["x-ms-continuation"]?.toString() ?? "";
    expect(token).toMatch(/^[\w-]+$/);
    for (const [query, continuation] of [
      ["SELECT * FROM devices", "abc"],
      ["SELECT * FROM devices.modules", token],
    ] as const) {
      expect(await ask(query, { "x-ms-continuation": continuation })).toMatchObject({
        status: 400,
        headers: { "iothub-errorcode": "ArgumentInvalid" },
      });
    }
  });

  it.each(["registryRead", "registryReadWrite", "device", null])(
    "is not for the policy %s",
    async (policy) => {
      const body = { query: "SELECT * FROM devices" };
      expect((await hub.call("POST", "/devices/query", { body, policy })).status).toBe(401);
    },
  );

  it("keeps to IoT Hub's own language if it is told to", async () => {
    await hub.stop();
    hub = await start(store, "strict");
    for (const query of [
      "SELECT * FROM devices ORDER BY deviceId",
      "EXPLAIN SELECT * FROM devices",
      "SELECT COUNT() AS n FROM devices.modules GROUP BY deviceId",
    ]) {
      expect((await ask(query)).body.Message).toContain("not part of IoT Hub's query language");
    }
    expect((await ask("SELECT * FROM devices")).status).toBe(200);
  });

  describe("indexes", () => {
    const path = "properties.reported.firmware";
    const isUsed = store === "sqlite";
    const index = (method: string, text: string, policy = "iothubowner"): Promise<Answer> =>
      method === "POST"
        ? hub.call("POST", "/$hub/indexes", { body: { path: text }, policy })
        : hub.call(method, `/$hub/indexes?path=${encodeURIComponent(text)}`, { policy });

    it("are made, listed, used and dropped", async () => {
      expect(await index("POST", path)).toMatchObject({ status: 200, body: { path, isUsed } });
      expect(await index("POST", "properties.reported.[[firmware]]")).toMatchObject({
        body: { path },
      });
      await index("POST", "tags.[[a b]].c");
      const { body: listed } = await hub.call("GET", "/$hub/indexes", { policy: "service" });
      expect(listed.map((one: { path: string }) => one.path)).toEqual([path, "tags.[[a b]].c"]);
      const explained = await ask(`EXPLAIN SELECT * FROM devices.modules WHERE ${path} = '1'`);
      if (isUsed) {
        expect(explained.body[0].index).toBe(path);
        expect(explained.body[0].plan.join()).toMatch(/USING (?:COVERING )?INDEX twins_by_text/);
      }
      expect((await index("DELETE", path)).status).toBe(204);
      expect((await index("DELETE", path)).status).toBe(404);
      const after = await ask(`EXPLAIN SELECT * FROM devices.modules WHERE ${path} = '1'`);
      expect(after.body[0].index ?? null).toBeNull();
    });

    it.each([
      "",
      "firmware",
      "tags",
      "properties.reported",
      "properties.reported.$version",
      "tags.a) OR IS_DEFINED(tags.b",
      "tags.a'",
      "x".repeat(600),
    ])("refuse the path %.40j", async (text) => {
      expect(await index("POST", text)).toMatchObject({
        status: 400,
        headers: { "iothub-errorcode": "ArgumentInvalid" },
      });
    });

    it("are at most 20, and for owners to change", async () => {
      for (let n = 0; n < 20; n++) await index("POST", `tags.t${n}`);
      expect(await index("POST", "tags.one")).toMatchObject({
        status: 400,
        headers: { "iothub-errorcode": "InvalidOperation" },
      });
      expect((await index("POST", "tags.t0")).status).toBe(200);
      expect((await index("POST", "tags.x", "service")).status).toBe(401);
      expect((await index("DELETE", "tags.t0", "service")).status).toBe(401);
      expect((await index("GET", "", "registryRead")).status).toBe(401);
    });
  });
});

async function start(kind: StoreKind, queryDialect?: "strict"): Promise<HubUnderTest> {
  const store = await openStore(kind, new MovableClock());
  const parts = { store };
  if (queryDialect === undefined) return startHubUnderTest({ parts });
  const { defaultSettings } = await import("../../../app/context.ts");
  const settings = { ...defaultSettings, hostNames: ["myhub.localhost"], queryDialect };
  return startHubUnderTest({ parts: { ...parts, settings } });
}
