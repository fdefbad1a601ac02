import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import type { WebhookPost } from "../../../app/ports.ts";
import {
  deadLetterDocument,
  logDocument,
  webhookDocument,
  enrichmentDocument,
  routeDocument,
} from "../schemas/routing.ts";

let hub: HubUnderTest;
const post: WebhookPost = () => Promise.resolve({ status: 410 });
beforeAll(async () => {
  hub = await startHubUnderTest({ parts: { post } });
});
afterAll(() => hub.stop());

const call = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => hub.call(method, `/$hub${path}`, { body, headers });

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
}

const quoted = (answer: Answer): string => `"${answer.body.etag}"`;

describe("/$hub/routes", () => {
  it("creates, shows, lists, changes and deletes a route", async () => {
    const made = await call("PUT", "/routes/r1", { endpointNames: ["events"] });
    expect(made.status).toBe(201);
    expect(routeDocument.strict().parse(made.body)).toMatchObject({
      name: "r1",
      source: "DeviceMessages",
      condition: "",
      endpointNames: ["events"],
      isEnabled: true,
    });
    expect(made.headers.etag).toBe(quoted(made));
    expect((await call("GET", "/routes/r1")).body).toEqual(made.body);
    expect((await call("GET", "/routes")).body).toEqual([made.body]);

    const change = { ...made.body, condition: "level = 'high'", isEnabled: false };
    const changed = await call("PUT", "/routes/r1", change, { "if-match": quoted(made) });
    expect([changed.status, changed.body.condition]).toEqual([200, "level = 'high'"]);
    expectRefusal(await call("PUT", "/routes/r1", change), 412, "PreconditionFailed");
    const stale = { "if-match": quoted(made) };
    expectRefusal(await call("PUT", "/routes/r1", change, stale), 412, "PreconditionFailed");
    expectRefusal(await call("DELETE", "/routes/r1", undefined, stale), 412, "PreconditionFailed");
    expect((await call("DELETE", "/routes/r1")).status).toBe(204);
    expectRefusal(await call("GET", "/routes/r1"), 404, "GenericNotFound");
  });

  it("says where a condition does not compile, and refuses what is no route (RT02)", async () => {
    const refused = await call("PUT", "/routes/r2", {
      condition: "level = 3",
      endpointNames: ["events"],
    });
    expectRefusal(refused, 400, "ArgumentInvalid");
    expect(refused.body.Message).toContain("at line 1, column 7");
    for (const body of [
      {},
      { endpointNames: [] },
      { endpointNames: ["nobody"] },
      { endpointNames: ["events"], source: "Elsewhere" },
      { endpointNames: ["events"], name: "other" },
    ])
      expect((await call("PUT", "/routes/r2", body)).status).toBe(400);
    expect((await call("PUT", "/routes/$fallback", { endpointNames: ["events"] })).status).toBe(
      400,
    );
  });

  it("tells whether a route matches, as Azure's testRoute does", async () => {
    const test = async (condition: string) =>
      (
        await call("POST", "/routes/test", {
          route: { name: "r", source: "DeviceMessages", condition, endpointNames: ["events"] },
          message: {
            body: '{"t":30}',
            appProperties: { level: "high" },
            systemProperties: { contentType: "application/json", contentEncoding: "utf-8" },
          },
          twin: { tags: { a: 1 }, properties: { desired: { b: 2 }, reported: { c: 3 } } },
        })
      ).body;
    expect(await test("$body.t > 20 AND level = 'high'")).toEqual({
      result: "true",
      details: { compilationErrors: [] },
    });
    const twin = "$twin.tags.a + $twin.properties.desired.b + $twin.properties.reported.c = 6";
    expect(await test(twin)).toMatchObject({ result: "true" });
    expect(await test("missing = 'x'")).toMatchObject({ result: "undefined" });
    expect(await test("level == 'high'")).toMatchObject({
      result: "false",
      details: {
        compilationErrors: [
          {
            severity: "error",
            location: { start: { line: 1, column: 8 }, end: { line: 1, column: 9 } },
          },
        ],
      },
    });
  });

  it("tells which routes match, as Azure's testAllRoutes does", async () => {
    await call("PUT", "/routes/a", { condition: "level = 'high'", endpointNames: ["events"] });
    await call("PUT", "/routes/b", { condition: "level = 'low'", endpointNames: ["events"] });
    const found = async (level: string) => {
      const input = { routingSource: "DeviceMessages", message: { appProperties: { level } } };
      const { body } = await call("POST", "/routes/test/all", input);
      return body.routes.map((route: { properties: { name: string } }) => route.properties.name);
    };
    expect(await found("low")).toEqual(["b"]);
    expect(await found("none")).toEqual(["$fallback"]);
    await call("DELETE", "/routes/a");
    await call("DELETE", "/routes/b");
  });

  it("belongs to owners; services may read and try", async () => {
    const as = (policy: string, method: string, path: string, body?: unknown) =>
      hub.call(method, `/$hub${path}`, { body, policy });
    expect((await as("service", "GET", "/routes")).status).toBe(200);
    const tried = { route: { condition: "true" } };
    expect((await as("service", "POST", "/routes/test", tried)).status).toBe(200);
    const route = { endpointNames: ["events"] };
    expectRefusal(await as("service", "PUT", "/routes/x", route), 401, "IotHubUnauthorizedAccess");
    for (const path of ["/routes", "/endpoints", "/enrichments", "/fallbackRoute"])
      expectRefusal(await as("registryRead", "GET", path), 401, "IotHubUnauthorizedAccess");
  });
});

describe("/$hub/fallbackRoute", () => {
  it("is on, and can be turned off", async () => {
    const before = await call("GET", "/fallbackRoute");
    expect(routeDocument.strict().parse(before.body)).toMatchObject({
      name: "$fallback",
      source: "DeviceMessages",
      condition: "true",
      endpointNames: ["events"],
      isEnabled: true,
    });
    const off = await call("PUT", "/fallbackRoute", { isEnabled: false });
    expect([off.status, off.body.isEnabled]).toEqual([200, false]);
    const stale = { "if-match": quoted(before) };
    const refused = await call("PUT", "/fallbackRoute", { isEnabled: true }, stale);
    expectRefusal(refused, 412, "PreconditionFailed");
    await call("PUT", "/fallbackRoute", { isEnabled: true });
  });
});

describe("/$hub/endpoints", () => {
  it("creates, shows, changes and deletes an endpoint, and never shows its secret", async () => {
    const input = { url: "https://example.com/in", secret: "s3cret" };
    const made = await call("PUT", "/endpoints/hook", input);
    expect(made.status).toBe(201);
    expect(webhookDocument.strict().parse(made.body)).toMatchObject({
      name: "hook",
      type: "webhook",
      url: "https://example.com/in",
      timeoutSeconds: 10,
      maxDeliveryCount: 10,
      maxBatchSize: 100,
      hasSecret: true,
      waitingMessages: 0,
      deadLetters: 0,
      healthStatus: "unknown",
    });
    expect(made.text).not.toContain("s3cret");
    expect((await call("GET", "/endpoints")).body).toEqual([made.body]);
    const change = { url: "https://example.com/2", maxDeliveryCount: 1 };
    const changed = await call("PUT", "/endpoints/hook", change, { "if-match": quoted(made) });
    expect(changed.body).toMatchObject({ ...change, hasSecret: true });

    await call("PUT", "/routes/r", { endpointNames: ["hook"] });
    expectRefusal(await call("DELETE", "/endpoints/hook"), 400, "InvalidOperation");
    await call("DELETE", "/routes/r");
    expect((await call("DELETE", "/endpoints/hook")).status).toBe(204);
    expectRefusal(await call("GET", "/endpoints/hook"), 404, "GenericNotFound");
  });

  it("creates, changes and deletes an event log", async () => {
    const made = await call("PUT", "/endpoints/alarms", { type: "log", partitionCount: 2 });
    expect(made.status).toBe(201);
    expect(logDocument.strict().parse(made.body)).toMatchObject({
      name: "alarms",
      type: "log",
      partitionCount: 2,
      retentionTimeInHours: 24,
    });
    const change = { ...made.body, retentionTimeInHours: 72 };
    const changed = await call("PUT", "/endpoints/alarms", change, { "if-match": quoted(made) });
    expect(changed.body).toMatchObject({ retentionTimeInHours: 72, partitionCount: 2 });
    const webhook = { url: "https://example.com/" };
    const other = await call("PUT", "/endpoints/alarms", webhook, { "if-match": "*" });
    expectRefusal(other, 400, "InvalidOperation");
    for (const partitionCount of [0, 33, 1.5, "2"])
      expect((await call("PUT", "/endpoints/bad", { type: "log", partitionCount })).status).toBe(
        400,
      );
    expect((await call("GET", "/endpoints/alarms/deadLetters")).body).toEqual([]);
    expect((await call("DELETE", "/endpoints/alarms")).status).toBe(204);
  });

  it("refuses addresses of other machines without TLS, and numbers beyond their limits", async () => {
    for (const body of [
      { url: "http://example.com/" },
      { url: "https://example.com/", timeoutSeconds: 61 },
      { url: "https://example.com/", maxBatchSize: 0 },
      { url: "https://example.com/", type: "queue" },
      {},
    ])
      expect((await call("PUT", "/endpoints/bad", body)).status).toBe(400);
  });

  it("lists what an endpoint never accepted, of a device and of its module, and purges it", async () => {
    await call("PUT", "/endpoints/gone", { url: "https://example.com/", maxDeliveryCount: 1 });
    await call("PUT", "/routes/r", { source: "DeviceLifecycleEvents", endpointNames: ["gone"] });
    await hub.call("PUT", "/devices/d1", { body: {} });
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    await vi.waitFor(async () => {
      hub.clock.advance(1_000);
      const { body } = await call("GET", "/endpoints/gone");
      expect(body).toMatchObject({ deadLetters: 2, waitingMessages: 0, healthStatus: "degraded" });
    });
    const listed = await call("GET", "/endpoints/gone/deadLetters");
    expect(listed.body).toMatchObject([
      { reason: "deliveryCountExceeded", error: "The endpoint answered 410", deviceId: "d1" },
      { deviceId: "d1", moduleId: "m1", body: { deviceId: "d1", moduleId: "m1" } },
    ]);
    for (const letter of listed.body) deadLetterDocument.strict().parse(letter);
    expect((await call("GET", "/endpoints/gone/deadLetters?top=1")).body).toHaveLength(1);
    const purged = await call("DELETE", "/endpoints/gone/deadLetters");
    expect(purged.body).toEqual({ totalMessagesPurged: 2 });
    expect((await call("GET", "/endpoints/gone/deadLetters")).body).toEqual([]);
    await call("DELETE", "/routes/r");
  });

  it("sends dead letters again, one or all, and deletes one", async () => {
    await call("PUT", "/endpoints/shut", { url: "https://example.com/", maxDeliveryCount: 1 });
    await call("PUT", "/routes/r", { source: "DeviceLifecycleEvents", endpointNames: ["shut"] });
    await hub.call("PUT", "/devices/d2", { body: {} });
    await hub.call("PUT", "/devices/d2/modules/m1", { body: {} });
    await call("DELETE", "/routes/r");
    const path = "/endpoints/shut/deadLetters";
    /** The ids once both are dead letters. */
    const ids = async (): Promise<readonly string[]> =>
      vi.waitFor(async () => {
        hub.clock.advance(60_000);
        const { body } = await call("GET", path);
        expect(body).toHaveLength(2);
        return (body as { id: string }[]).map(({ id }) => id);
      });
    const [first, second] = await ids();
    expect((await call("POST", `${path}/${first}/retry`)).status).toBe(204);
    expectRefusal(await call("POST", `${path}/${first}/retry`), 404, "GenericNotFound");
    const [unchanged, again] = await ids();
    expect(unchanged).toBe(second);
    expect(again).not.toBe(first);
    expect((await call("POST", `${path}/retry`)).body).toEqual({ totalMessagesRetried: 2 });
    const [last] = await ids();
    expect((await call("DELETE", `${path}/${last}`)).status).toBe(204);
    expectRefusal(await call("DELETE", `${path}/${last}`), 404, "GenericNotFound");
    expectRefusal(await call("POST", "/endpoints/no/deadLetters/retry"), 404, "GenericNotFound");
    expect((await call("GET", path)).body).toHaveLength(1);
  });
});

describe("/$hub/enrichments", () => {
  it("creates, shows, changes and deletes an enrichment", async () => {
    const input = { value: "$twin.tags.site", endpointNames: ["events"] };
    const made = await call("PUT", "/enrichments/site", input);
    expect(made.status).toBe(201);
    expect(enrichmentDocument.strict().parse(made.body)).toMatchObject({ key: "site", ...input });
    expect((await call("GET", "/enrichments")).body).toEqual([made.body]);
    const any = { "if-match": "*" };
    const changed = await call("PUT", "/enrichments/site", { ...input, value: "x" }, any);
    expect([changed.status, changed.body.value]).toEqual([200, "x"]);
    expect((await call("DELETE", "/enrichments/site")).status).toBe(204);
    expectRefusal(await call("GET", "/enrichments/site"), 404, "GenericNotFound");
    expectRefusal(await call("PUT", "/enrichments/site", input, any), 404, "GenericNotFound");
  });
});
