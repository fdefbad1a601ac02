import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type Call,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import type { LoggedMessage } from "../../../app/ports.ts";
import type { Principal } from "../../../app/principal.ts";

let hub: HubUnderTest;
const keys = new Map<string, string>();
beforeAll(async () => {
  hub = await startHubUnderTest({ faultInjection: true });
  for (const path of ["/devices/d1", "/devices/d2", "/devices/d1/modules/m1"]) {
    const { body } = await hub.call("PUT", path, { body: {} });
    keys.set(path, body.authentication.symmetricKey.primaryKey);
  }
});
afterAll(() => hub.stop());

const service: Principal = { kind: "policy", policy: "service", rights: ["ServiceConnect"] };

/** A call with the identity's own key. */
function as(identity: string, method: string, path: string, call: Call = {}): Promise<Answer> {
  const authorization = hub.token({
    policy: "",
    key: keys.get(identity) ?? "",
    resource: hostName + identity,
  });
  return hub.call(method, path, {
    ...call,
    policy: null,
    headers: { authorization, ...call.headers },
  });
}

async function newest(count: number): Promise<readonly LoggedMessage[]> {
  const [info] = await hub.hub.events.partitions(service);
  const last = info?.lastSequenceNumber ?? 0;
  return hub.hub.events.read(service, 0, last - count + 1, count);
}

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  expect(answer.body.Message).toMatch(new RegExp(`^ErrorCode:${name};[^;]+$`));
}

describe.each(["/devices/d1", "/devices/d1/modules/m1"])("telemetry of %s", (identity) => {
  const events = `${identity}/messages/events`;
  const batch = { "content-type": "application/vnd.microsoft.iothub.json" };

  it("is stored with the properties of its headers and the sender's stamp", async () => {
    const answer = await as(identity, "POST", events, {
      body: Buffer.from([0, 1, 255]),
      headers: {
        "content-type": "binary/octet-stream",
        "IoTHub-MessageId": "mid",
        "IOTHUB-CORRELATIONID": "cid",
        "iothub-userid": "u",
        "iothub-to": "/somewhere/else",
        "iothub-contenttype": "application/json",
        "iothub-contentencoding": "utf-8",
        "iothub-creationtimeutc": "2026-05-01T10:00:00Z",
        "iothub-messageschema": "s",
        "dt-subject": "thermostat",
        "iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1",
        "iothub-operation": "d2c",
        "iothub-app-Case": "b c",
        "iothub-app-umlaut": Buffer.from("ä", "utf8").toString("latin1"),
        "iothub-connection-device-id": "somebody-else",
      },
    });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    const [logged] = await newest(1);
    expect(logged?.message).toMatchObject({
      key: identity.includes("modules") ? { deviceId: "d1", moduleId: "m1" } : { deviceId: "d1" },
      source: "Telemetry",
      application: [
        ["Case", "b c"],
        ["umlaut", "ä"],
      ],
      system: {
        messageId: "mid",
        correlationId: "cid",
        userId: "u",
        contentType: "application/json",
        contentEncoding: "utf-8",
        creationTimeUtc: "2026-05-01T10:00:00Z",
        schema: "s",
        component: "thermostat",
        interfaceId: "urn:azureiot:Security:SecurityAgent:1",
      },
    });
    expect(logged?.message.system.to).toBeUndefined();
    expect([...(logged?.message.body ?? [])]).toEqual([0, 1, 255]);
    const { scope } = JSON.parse(logged?.message.authMethod ?? "");
    expect(scope).toBe(identity.includes("modules") ? "module" : "device");
  });

  it("may be empty, and may come in chunks without a length", async () => {
    expect((await as(identity, "POST", events)).status).toBe(204);
    const [empty] = await newest(1);
    expect(empty?.message.body).toHaveLength(0);
    const chunked = await as(identity, "POST", events, {
      body: "{}",
      headers: { "transfer-encoding": "chunked" },
    });
    expect(chunked.status).toBe(204);
    expect(Buffer.from((await newest(1))[0]?.message.body ?? []).toString()).toBe("{}");
  });

  it("comes in batches, Base64 unless it says otherwise, in order and each apart", async () => {
    const body = [
      { body: "eyJ0IjoxfQ==", properties: { "iothub-app-a": "b c", "iothub-messageid": "m" } },
      {
        body: "plain text",
        base64Encoded: false,
        properties: { "iothub-contenttype": "text/plain" },
      },
      { body: "AA==", base64Encoded: true },
    ];
    expect((await as(identity, "POST", events, { body, headers: batch })).status).toBe(204);
    const messages = (await newest(3)).map(({ message }) => message);
    expect(messages.map(({ body: bytes }) => Buffer.from(bytes).toString())).toEqual([
      '{"t":1}',
      "plain text",
      "\0",
    ]);
    expect(messages[0]).toMatchObject({ application: [["a", "b c"]], system: { messageId: "m" } });
    expect(messages[1]?.system).toEqual({ contentType: "text/plain" });
  });

  it.each([
    ["no JSON", "{", "IotHubFormatError"],
    ["no array", { body: "AA==" }, "IotHubFormatError"],
    ["a body that is no text", [{ body: 1 }], "IotHubFormatError"],
    ["no Base64", [{ body: "a b" }], "ArgumentInvalid"],
    ["no message", [], "ArgumentInvalid"],
    ["too many messages", Array.from({ length: 501 }, () => ({ body: "" })), "ArgumentInvalid"],
  ])("refuses a batch with %s and stores nothing of it", async (_what, body, name) => {
    const [before] = await hub.hub.events.partitions(service);
    expectRefusal(await as(identity, "POST", events, { body, headers: batch }), 400, name);
    const [after] = await hub.hub.events.partitions(service);
    expect(after?.lastSequenceNumber).toBe(before?.lastSequenceNumber);
  });

  it("has 256 KiB at the most, properties included", async () => {
    const most = Buffer.alloc(262_144);
    expect((await as(identity, "POST", events, { body: most })).status).toBe(204);
    const more = await as(identity, "POST", events, { body: Buffer.alloc(262_145) });
    expectRefusal(more, 413, "MessageTooLarge");
    const headers = { "iothub-app-a": "b" };
    expectRefusal(
      await as(identity, "POST", events, { body: most, headers }),
      413,
      "MessageTooLarge",
    );
  });

  it("is accepted from a policy with DeviceConnect, which is told what does not exist", async () => {
    expect((await hub.call("POST", events, { policy: "device" })).status).toBe(204);
    const [logged] = await newest(1);
    expect(JSON.parse(logged?.message.authMethod ?? "")).toMatchObject({
      scope: "hub",
      type: "sas",
    });
    const missing = events.replace(/[dm]1\/messages/, "nobody/messages");
    expectRefusal(
      await hub.call("POST", missing, { policy: "device" }),
      404,
      identity.includes("modules") ? "ModuleNotFound" : "DeviceNotFound",
    );
    for (const path of [events, missing])
      expectRefusal(
        await hub.call("POST", path, { policy: "service" }),
        401,
        "IotHubUnauthorizedAccess",
      );
  });

  it("is refused from others: no credential, another identity's, an unknown identity's", async () => {
    const others = [
      await hub.call("POST", events, { policy: null }),
      await as("/devices/d2", "POST", events),
      await as(
        identity === "/devices/d1" ? "/devices/d1/modules/m1" : "/devices/d1",
        "POST",
        events,
      ),
      await as("/devices/d9", "POST", events.replace("d1", "d9")),
    ];
    for (const answer of others) expectRefusal(answer, 401, "IotHubUnauthorizedAccess");
  });

  it("needs an api-version", async () => {
    const answer = await as(identity, "POST", `${events}?x`);
    expectRefusal(answer, 400, "InvalidProtocolVersion");
  });
});

describe("a disabled device and its modules", () => {
  it("are refused with 401 like strangers", async () => {
    await hub.call("PUT", "/devices/off", { body: {} });
    const { body } = await hub.call("PUT", "/devices/off/modules/m1", { body: {} });
    keys.set("/devices/off/modules/m1", body.authentication.symmetricKey.primaryKey);
    const device = await hub.call("PUT", "/devices/off", {
      body: { status: "disabled" },
      headers: { "if-match": "*" },
    });
    keys.set("/devices/off", device.body.authentication.symmetricKey.primaryKey);
    for (const identity of ["/devices/off", "/devices/off/modules/m1"]) {
      const answer = await as(identity, "POST", `${identity}/messages/events`);
      expectRefusal(answer, 401, "IotHubUnauthorizedAccess");
    }
  });
});

describe("messages to a device", () => {
  const bound = "/devices/d2/messages/deviceBound";
  const take = () => as("/devices/d2", "GET", bound);
  const lockOf = (answer: Answer) => String(answer.headers.etag).slice(1, -1);
  const send = (body: string, headers: Record<string, string> = {}) =>
    hub.call("POST", bound, { policy: "service", body, headers });

  it("are 204 when there are none", async () => {
    const answer = await take();
    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  it("come with body, lock and properties, and are gone once completed", async () => {
    await send("hello", {
      "iothub-messageid": "m1",
      "iothub-correlationid": "c1",
      "iothub-contenttype": "text/plain",
      "iothub-contentencoding": "utf-8",
      "iothub-app-Case": "x y",
      "iothub-ack": "full",
      "iothub-expiry": "2100-01-01T00:00:00Z",
    });
    const taken = await as("/devices/d2", "GET", bound.toLowerCase());
    expect([taken.status, Buffer.from(taken.raw).toString()]).toEqual([200, "hello"]);
    expect(taken.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "iothub-messageid": "m1",
      "iothub-correlationid": "c1",
      "iothub-contenttype": "text/plain",
      contenttype: "text/plain",
      contentencoding: "utf-8",
      "iothub-app-case": "x y",
      "iothub-ack": "full",
      "iothub-to": "/devices/d2/messages/devicebound",
      "iothub-deliverycount": "0",
      "iothub-expiry": "2100-01-01T00:00:00.0000000Z",
    });
    expect(taken.headers.etag).toMatch(/^"[0-9a-f-]{36}"$/);
    expect(Number(taken.headers["iothub-sequencenumber"])).toBeGreaterThan(0);
    expect(Date.parse(String(taken.headers["iothub-enqueuedtime"]))).not.toBeNaN();
    // Locked: nobody else gets it meanwhile.
    expect((await take()).status).toBe(204);

    const done = await as("/devices/d2", "DELETE", `${bound}/${lockOf(taken)}`, {
      headers: { "if-match": lockOf(taken) },
    });
    expect([done.status, done.text]).toEqual([204, ""]);
    const twice = await as("/devices/d2", "DELETE", `${bound}/${lockOf(taken)}`);
    expectRefusal(twice, 412, "DeviceMessageLockLost");
  });

  it("come again after they were abandoned, counted, and after the lock's minute, not counted", async () => {
    await send("again");
    const first = await take();
    const abandon = `${bound}/${lockOf(first)}/abandon`;
    expect((await as("/devices/d2", "POST", abandon)).status).toBe(204);
    expectRefusal(await as("/devices/d2", "POST", abandon), 412, "DeviceMessageLockLost");
    const second = await take();
    expect(second.headers["iothub-deliverycount"]).toBe("1");
    hub.clock.advance(60_001);
    const late = await as("/devices/d2", "DELETE", `${bound}/${lockOf(second)}`);
    expectRefusal(late, 412, "DeviceMessageLockLost");
    const third = await take();
    expect(third.headers["iothub-deliverycount"]).toBe("1");
    expect((await as("/devices/d2", "DELETE", `${bound}/${lockOf(third)}`)).status).toBe(204);
  });

  it.each(["&reject", "&reject="])(
    "are rejected with %s, which the sender hears",
    async (query) => {
      await send("no", { "iothub-ack": "negative", "iothub-messageid": `r${query}` });
      const taken = await take();
      const path = `${bound}/${lockOf(taken)}?api-version=2021-04-12${query}`;
      expect((await as("/devices/d2", "DELETE", path)).status).toBe(204);
      expect((await take()).status).toBe(204);
      hub.clock.advance(15_000);
      const feedback = await hub.call("GET", "/messages/serviceBound/feedback");
      expect(feedback.body.at(-1)).toMatchObject({
        originalMessageId: `r${query}`,
        statusCode: "Rejected",
        deviceId: "d2",
      });
      const lock = lockOf(feedback);
      await hub.call("DELETE", `/messages/serviceBound/feedback/${lock}`);
    },
  );

  it("expire", async () => {
    const soon = new Date(hub.clock.now() + 5_000).toISOString();
    await send("late", { "iothub-expiry": soon });
    hub.clock.advance(5_001);
    expect((await take()).status).toBe(204);
  });

  it("keep to HTTP whatever their properties hold", async () => {
    await hub.hub.cloudToDevice.send(service, "d2", {
      body: new Uint8Array(),
      system: { messageId: "a\r\nx-evil: 1", userId: "ü€" },
      application: new Map([
        ["sp ace(ä)", "line\nbreak"],
        ["empty", null],
      ]),
      ack: "none",
    });
    const taken = await take();
    expect(taken.status).toBe(200);
    expect(taken.headers["x-evil"]).toBeUndefined();
    expect(taken.headers).toMatchObject({
      "iothub-messageid": "a%0D%0Ax-evil: 1",
      "iothub-userid": Buffer.from("ü€").toString("latin1"),
      "iothub-app-sp%20ace%28%c3%a4%29": "line%0Abreak",
      "iothub-app-empty": "",
    });
    await as("/devices/d2", "DELETE", `${bound}/${lockOf(taken)}`);
  });

  it("are for their device only: neither another device nor a module may take them", async () => {
    for (const identity of ["/devices/d1", "/devices/d1/modules/m1"])
      expectRefusal(await as(identity, "GET", bound), 401, "IotHubUnauthorizedAccess");
    expectRefusal(
      await hub.call("GET", bound, { policy: "service" }),
      401,
      "IotHubUnauthorizedAccess",
    );
    expect((await hub.call("GET", bound, { policy: "device" })).status).toBe(204);
    const module = await as(
      "/devices/d1/modules/m1",
      "GET",
      "/devices/d1/modules/m1/messages/deviceBound",
    );
    expectRefusal(module, 404, "GenericNotFound");
  });

  it("are not taken by a HEAD", async () => {
    await send("seen");
    expect((await as("/devices/d2", "HEAD", bound)).status).toBe(405);
    const taken = await take();
    expect(taken.status).toBe(200);
    await as("/devices/d2", "DELETE", `${bound}/${lockOf(taken)}`);
  });
});

describe.each(["/devices/d1", "/devices/d1/modules/m1"])("a fault that %s asks for", (identity) => {
  const events = `${identity}/messages/events`;
  const fault = (type: string, more: Record<string, string> = {}) =>
    as(identity, "POST", events, {
      headers: { "iothub-app-AzIoTHub_FaultOperationType": type, ...more },
    });
  const times = {
    "iothub-app-AzIoTHub_FaultOperationDelayInSecs": "1",
    "iothub-app-aziothub_faultoperationdurationinsecs": "5",
  };

  it.each([
    ["InvokeThrottling", 429, "ThrottlingException"],
    ["InvokeMaxMessageQuota", 403, "IotHubQuotaExceeded"],
    ["InvokeAuthError", 401, "IotHubUnauthorizedAccess"],
  ])("%s makes its sends fail for that time, and nobody else's", async (type, status, name) => {
    const [before] = await hub.hub.events.partitions(service);
    expect((await fault(type, times)).status).toBe(204);
    const [after] = await hub.hub.events.partitions(service);
    expect(after?.lastSequenceNumber).toBe(before?.lastSequenceNumber);
    expect((await as(identity, "POST", events)).status).toBe(204);
    hub.clock.advance(1_100);
    expectRefusal(await as(identity, "POST", events), status, name);
    expect((await as("/devices/d2", "POST", "/devices/d2/messages/events")).status).toBe(204);
    hub.clock.advance(5_000);
    expect((await as(identity, "POST", events)).status).toBe(204);
  });

  it("is telemetry if it concerns connections", async () => {
    expect((await fault("KillTcp")).status).toBe(204);
    const [logged] = await newest(1);
    expect(logged?.message.application).toEqual([["AzIoTHub_FaultOperationType", "KillTcp"]]);
  });
});

describe("faults without leave", () => {
  it("are telemetry", async () => {
    const quiet = await startHubUnderTest();
    await quiet.call("PUT", "/devices/d1", { body: {} });
    const headers = {
      "iothub-app-AzIoTHub_FaultOperationType": "InvokeThrottling",
      "iothub-app-AzIoTHub_FaultOperationDurationInSecs": "5",
    };
    for (const _ of [1, 2]) {
      const answer = await quiet.call("POST", "/devices/d1/messages/events", { headers });
      expect(answer.status).toBe(204);
    }
    const [info] = await quiet.hub.events.partitions(service);
    expect(info?.lastSequenceNumber).toBe(2);
    await quiet.stop();
  });
});
