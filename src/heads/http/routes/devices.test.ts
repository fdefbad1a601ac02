import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { deviceDocument } from "../schemas/identity.ts";

const everyAllowedCharacter = "Az09-:.+%_#*?!(),=@;$'";

describe("device identities", () => {
  let hub: HubUnderTest;
  beforeAll(async () => void (hub = await startHubUnderTest()));
  afterAll(() => hub.stop());

  const put = (id: string, body: unknown, headers = {}) =>
    hub.call("PUT", `/devices/${encodeURIComponent(id)}?api-version=2021-04-12`, { body, headers });

  it("are created by the body that the Node SDK sends, with 200 and generated keys", async () => {
    const answer = await put(
      "d1",
      '{"deviceId":"d1","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}',
      { "content-type": "application/json; charset=utf-8" },
    );
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.headers.etag).toBe(`"${answer.body.etag}"`);
    expect(answer.headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(answer.body)).toEqual([
      "deviceId",
      "generationId",
      "etag",
      "connectionState",
      "status",
      "statusReason",
      "connectionStateUpdatedTime",
      "statusUpdatedTime",
      "lastActivityTime",
      "cloudToDeviceMessageCount",
      "authentication",
      "capabilities",
    ]);
    const { primaryKey, secondaryKey } = answer.body.authentication.symmetricKey;
    expect([primaryKey.length, secondaryKey.length]).toEqual([44, 44]);
    expect(primaryKey).not.toBe(secondaryKey);
  });

  it.each([
    '{"deviceId":"x","status":"enabled","authentication":{"symmetricKey":{},"type":"sas"},"capabilities":{"iotEdge":true}}',
    '{"deviceId":"x","status":"enabled","authentication":{"symmetricKey":{},"type":"sas"},"capabilities":{"iotEdge":true},"parentScopes":[]}',
    `{"deviceId":"x","status":"enabled","authentication":{"x509Thumbprint":{"primaryThumbprint":"${"AA".repeat(20)}","secondaryThumbprint":"${"BB".repeat(20)}"},"type":"selfSigned"},"capabilities":{"iotEdge":false}}`,
    '{"deviceId":"x","status":"enabled","connectionState":"Disconnected","statusUpdatedTime":"0001-01-01T00:00:00","cloudToDeviceMessageCount":0,"authentication":{"symmetricKey":{"primaryKey":null,"secondaryKey":null},"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},"statusReason":null,"deviceScope":null}',
  ])("are created by the recorded body %s", async (body) => {
    await hub.call("DELETE", "/devices/x");
    const answer = await put("x", body);
    expect(answer.status).toBe(200);
    expect(deviceDocument.parse(answer.body).capabilities.iotEdge).toBe(body.includes("true"));
  });

  it("that exist already are refused with 409 and the text that tools know", async () => {
    await put("twice", {});
    const again = await put("twice", {});
    expect(again.status).toBe(409);
    expect(again.headers["iothub-errorcode"]).toBe("DeviceAlreadyExists");
    expect(again.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(Object.keys(again.body)).toEqual(["Message", "ExceptionMessage"]);
    expect(again.body.Message).toBe(
      "ErrorCode:DeviceAlreadyExists;A device with ID 'twice' is already registered.",
    );
    expect(again.body.ExceptionMessage).toMatch(
      /^Tracking ID:[0-9A-F]{32}-G2:-TimeStamp:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/,
    );
  });

  it("are updated with If-Match, ignoring what is read-only or unknown, and say so in the same etag", async () => {
    const created = await put("own", {});
    const body = {
      ...created.body,
      status: "disabled",
      lastActivityTime: "2030-01-01",
      etag: "*",
      colour: 7,
    };
    const updated = await put("own", body, { "if-match": '"*"' });
    const read = await hub.call("GET", "/devices/own");
    expect(updated.status).toBe(200);
    expect(updated.body.status).toBe("disabled");
    expect(updated.body.lastActivityTime).toBe("0001-01-01T00:00:00Z");
    expect(updated.body.colour).toBeUndefined();
    expect(updated.headers.etag).not.toBe(created.headers.etag);
    expect(read.headers.etag).toBe(updated.headers.etag);
    expect(read.body).toEqual(updated.body);
  });

  it("are deleted with 204 and no body", async () => {
    await put("gone", {});
    const answer = await hub.call("DELETE", "/devices/gone", { headers: { "if-match": '"*"' } });
    expect([answer.status, answer.text, answer.headers["content-type"]]).toEqual([
      204,
      "",
      undefined,
    ]);
  });

  it("that are unknown give 404 with the id as its text", async () => {
    const answer = await hub.call("GET", "/devices/nobody");
    expect(answer.status).toBe(404);
    expect(answer.headers["iothub-errorcode"]).toBe("DeviceNotFound");
    expect(answer.body.Message).toBe("ErrorCode:DeviceNotFound;nobody");
  });

  it.each([
    "/devices",
    "/devices/",
    "//devices//",
    "/DEVICES",
    "/devices/?top=2",
    "/devices?TOP=2",
  ])("are listed by GET %s", async (path) => {
    await put("list1", {});
    await put("list2", {});
    await put("list3", {});
    const query = path.includes("?") ? "&api-version=2021-04-12" : "?api-version=2021-04-12";
    const answer = await hub.call("GET", `${path}${query}`);
    expect(answer.status).toBe(200);
    for (const device of answer.body) deviceDocument.parse(device);
    if (path.includes("=2")) expect(answer.body).toHaveLength(2);
    else expect(answer.body.length).toBeGreaterThanOrEqual(3);
  });

  it.each(["0", "5000", "-1", "abc", "1.5", ""])("are all listed with top=%s", async (top) => {
    await put("top1", {});
    await put("top2", {});
    const answer = await hub.call("GET", `/devices?api-version=2021-04-12&top=${top}`);
    expect([answer.status, answer.body.length >= 2]).toEqual([200, true]);
  });

  it("may have every character that IoT Hub allows in an id", async () => {
    const created = await put(everyAllowedCharacter, { deviceId: everyAllowedCharacter });
    expect(created.body.deviceId).toBe(everyAllowedCharacter);
    const read = await hub.call("GET", `/devices/${encodeURIComponent(everyAllowedCharacter)}`);
    expect(read.body).toEqual(created.body);
  });

  it.each([
    ["dev%231%25'%2Bx", "dev#1%'+x"],
    ["dev%231%25%27%2Bx", "dev#1%'+x"],
    ["a+b", "a+b"],
    ["%2e%2e", ".."],
    ["query", "query"],
    ["keys", "keys"],
  ])("addressed as %s are %s", async (path, id) => {
    await hub.call("DELETE", `/devices/${path}`);
    const answer = await hub.call("PUT", `/devices/${path}`, { body: { deviceId: id } });
    expect([answer.status, answer.body.deviceId]).toEqual([200, id]);
  });

  it.each([
    ["invalid%2Fname", "ArgumentInvalid"],
    ["%00", "ArgumentInvalid"],
    ["%C3%A9", "ArgumentInvalid"],
    ["a".repeat(129), "ArgumentInvalid"],
    ["50%25%", "ArgumentInvalid"],
  ])("can't be called %s", async (id, name) => {
    const answer = await hub.call("PUT", `/devices/${id}`, { body: {} });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, name]);
    expect(answer.body.Message.split(";")).toHaveLength(2);
  });

  it("are refused when the body names another device", async () => {
    const answer = await put("this", { deviceId: "that" });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentInvalid"]);
  });

  it("whose ids were encoded twice are found for reading, and are not deleted in a neighbour's place", async () => {
    await put("twice#", {});
    expect((await hub.call("GET", "/devices/twice%2523")).body.deviceId).toBe("twice#");
    expect((await hub.call("DELETE", "/devices/twice%2523")).status).toBe(404);
    await put("twice%23", {});
    expect((await hub.call("GET", "/devices/twice%2523")).body.deviceId).toBe("twice%23");
  });

  it("encoded twice are not shown to a token that covers the first spelling only", async () => {
    await put("secret#", {});
    const token = hub.token({ resource: `${hostName}/devices/secret%23` });
    const answer = await hub.call("GET", "/devices/secret%252523", {
      policy: null,
      headers: { authorization: token },
    });
    expect(answer.status).toBe(401);
  });
});
