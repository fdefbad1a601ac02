import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
  for (const id of ["d1", "full", "a%23b", "dev%2523"])
    await hub.call("PUT", `/devices/${id}`, { body: {} });
});
afterAll(() => hub.stop());

const bound = (id: string) => `/devices/${id}/messages/deviceBound`;

function send(id: string, headers: Record<string, string> = {}, body = "x"): Promise<Answer> {
  return hub.call("POST", bound(id), { policy: "service", body, headers });
}

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  expect(answer.body.Message).toMatch(new RegExp(`^ErrorCode:${name};[^;]+$`));
}

describe("sending a message to a device", () => {
  it("is 204 without a body, and raises the device's count", async () => {
    const answer = await send("d1");
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await hub.call("GET", "/devices/d1")).body.cloudToDeviceMessageCount).toBe(1);
    await hub.call("DELETE", "/devices/d1/commands");
  });

  it("is refused with 403004 when fifty wait", async () => {
    for (let index = 0; index < 50; index++) expect((await send("full")).status).toBe(204);
    expectRefusal(await send("full"), 403, "DeviceMaximumQueueDepthExceeded");
    const purged = await hub.call("DELETE", "/devices/full/commands", { policy: "service" });
    expect([purged.status, purged.text]).toEqual([
      200,
      '{"totalMessagesPurged":50,"deviceId":"full","moduleId":null}',
    ]);
    expect((await send("full")).status).toBe(204);
  });

  it("has 64 KiB at the most, properties included", async () => {
    expect((await send("d1", {}, "x".repeat(65_536))).status).toBe(204);
    expectRefusal(await send("d1", {}, "x".repeat(65_537)), 413, "MessageTooLarge");
    expectRefusal(
      await send("d1", { "iothub-app-a": "b" }, "x".repeat(65_536)),
      413,
      "MessageTooLarge",
    );
  });

  it.each([
    [{ "iothub-expiry": "2001-01-01T00:00:00Z" }, 403, "InvalidMessageExpiryTime"],
    [{ "iothub-expiry": "1000" }, 403, "InvalidMessageExpiryTime"],
    [{ "iothub-expiry": "soon" }, 400, "ArgumentInvalid"],
    [{ "iothub-ack": "maybe" }, 400, "ArgumentInvalid"],
  ])("with %j is refused", async (headers, status, name) => {
    expectRefusal(await send("d1", headers), status, name);
  });

  it("needs ServiceConnect and a device", async () => {
    expectRefusal(await send("nobody"), 404, "DeviceNotFound");
    for (const policy of ["device", "registryReadWrite"])
      expectRefusal(
        await hub.call("POST", bound("d1"), { policy, body: "x" }),
        401,
        "IotHubUnauthorizedAccess",
      );
    expectRefusal(await hub.call("DELETE", "/devices/nobody/commands"), 404, "DeviceNotFound");
  });

  it("finds a device whose id was encoded twice, unless there is one of that very name", async () => {
    expect((await send("a%2523b")).status).toBe(204);
    expect((await hub.call("GET", "/devices/a%23b")).body.cloudToDeviceMessageCount).toBe(1);
    expect((await send("dev%2523")).status).toBe(204);
    expect((await hub.call("GET", "/devices/dev%2523")).body.cloudToDeviceMessageCount).toBe(1);
  });

  it("does not exist for modules", async () => {
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    const answer = await hub.call("POST", "/devices/d1/modules/m1/messages/deviceBound");
    expectRefusal(answer, 404, "GenericNotFound");
  });
});

describe("feedback", () => {
  const path = "/messages/serviceBound/feedback";
  const take = () => hub.call("GET", path, { policy: "service" });
  const lockOf = (answer: Answer) => String(answer.headers.etag).slice(1, -1);

  it("is 204 when there is none, and until a batch is due", async () => {
    expect((await take()).status).toBe(204);
    await send("d1", { "iothub-ack": "full", "iothub-messageid": "f1" });
    await hub.call("DELETE", "/devices/d1/commands");
    expect((await take()).status).toBe(204);
  });

  it("comes as a batch of records, locked; a lock settles once", async () => {
    hub.clock.advance(15_000);
    const batch = await take();
    expect(batch.headers["content-type"]).toBe("application/vnd.microsoft.iothub.feedback.json");
    expect(batch.headers.etag).toMatch(/^"[0-9a-f-]{36}"$/);
    expect(batch.body).toMatchObject([
      { originalMessageId: "f1", statusCode: "Purged", description: "Purged", deviceId: "d1" },
    ]);
    expect((await take()).status).toBe(204);
    const abandon = `${path}/${lockOf(batch)}/abandon`;
    expect((await hub.call("POST", abandon)).status).toBe(204);
    expectRefusal(await hub.call("POST", abandon), 412, "DeviceMessageLockLost");
    const again = await take();
    expect(again.body).toEqual(batch.body);
    expect((await hub.call("DELETE", `${path}/${lockOf(again)}`)).status).toBe(204);
    expectRefusal(
      await hub.call("DELETE", `${path}/${lockOf(again)}`),
      412,
      "DeviceMessageLockLost",
    );
  });

  it("is dropped when nobody came for it in an hour", async () => {
    await send("d1", { "iothub-ack": "full" });
    await hub.call("DELETE", "/devices/d1/commands");
    hub.clock.advance(3_600_000);
    expect((await take()).status).toBe(204);
  });

  it("wakes whoever waits: at once, when its batch is due, and when a lock has run out", async () => {
    let told = 0;
    const forget = hub.hub.serviceMessages.onWaiting(() => told++);
    await send("d1", { "iothub-ack": "full" });
    await hub.call("DELETE", "/devices/d1/commands");
    expect(told).toBeGreaterThan(0);
    told = 0;
    hub.clock.advance(15_000);
    expect(told).toBeGreaterThan(0);
    expect((await take()).status).toBe(200);
    told = 0;
    hub.clock.advance(60_000);
    expect(told).toBeGreaterThan(0);
    const again = await take();
    await hub.call("DELETE", `${path}/${lockOf(again)}`);
    forget();
  });

  it("needs ServiceConnect", async () => {
    for (const policy of ["device", "registryReadWrite"])
      expectRefusal(await hub.call("GET", path, { policy }), 401, "IotHubUnauthorizedAccess");
  });
});
