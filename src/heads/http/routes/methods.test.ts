import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import type { OpenConnection } from "../../../app/hub.ts";
import type { DeviceLink, MethodInvocation } from "../../../app/ports.ts";
import { parseSasToken } from "../../../wire/sas-token.ts";

let hub: HubUnderTest;
const keys = new Map<string, string>();
beforeAll(async () => {
  hub = await startHubUnderTest();
  for (const path of [
    "/devices/d1",
    "/devices/d1/modules/m1",
    "/devices/d1/modules/m2",
    "/devices/d2",
  ]) {
    const { body } = await hub.call("PUT", path, { body: {} });
    keys.set(path, body.authentication.symmetricKey.primaryKey);
  }
});
afterAll(() => hub.stop());

/** A client as the hub sees it: `respond` is told each call. */
async function connect(
  identity: string,
  respond: (invocation: MethodInvocation) => void,
): Promise<OpenConnection> {
  const [, deviceId = "", , moduleId] = identity.split("/").slice(1);
  const { body } = await hub.call("GET", identity);
  const link: DeviceLink = {
    protocol: "mqtt",
    pushDesired: () => undefined,
    close: () => undefined,
    messagesWaiting: () => undefined,
    invoke(invocation) {
      respond(invocation);
      return () => undefined;
    },
  };
  const credential = {
    kind: "sas",
    token: parseSasToken(tokenOf(identity, body.authentication.symmetricKey.primaryKey)),
  } as const;
  const principal = await hub.hub.auth.identity({ key: { deviceId, moduleId }, credential });
  const open = await hub.hub.connections.open(principal, link, { clean: true });
  open.methodsReady(true);
  return open;
}

function tokenOf(identity: string, key = keys.get(identity) ?? ""): string {
  return hub.token({ policy: "", key, resource: hostName + identity });
}

/** Form (b): `Message` is JSON text without nested objects. */
function expectFormB(answer: Answer, status: number, number: number, name: string): string {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  expect(answer.body.ExceptionMessage).toBe("");
  const { errorCode, message, trackingId, timestampUtc, ...rest } = JSON.parse(answer.body.Message);
  expect([errorCode, rest]).toEqual([number, {}]);
  expect(trackingId).toMatch(/-G2:-TimeStamp:/);
  expect(Date.parse(timestampUtc)).not.toBeNaN();
  return message;
}

describe.each(["/devices/d1", "/devices/d1/modules/m1"])("methods of %s", (identity) => {
  const path = `${identity.replace("/devices", "/twins")}/methods`;
  const invoke = (body: unknown, policy = "service") => hub.call("POST", path, { body, policy });
  const calls: MethodInvocation[] = [];
  beforeEach(() => void calls.splice(0));

  it.each([
    [{ a: [1, null] }, '{"a":[1,null]}'],
    [null, "null"],
    ["", '""'],
    [{}, "{}"],
    [undefined, "null"],
  ])("deliver %j as it is and give the client's answer", async (payload, text) => {
    const open = await connect(identity, (call) => {
      calls.push(call);
      call.answer(404, '{"done":[true]}');
    });
    const answer = await hub.call("POST", `${path}/?api-version=2021-04-12`, {
      body: { methodName: "reboot", payload },
      policy: "service",
    });
    expect([answer.status, answer.text]).toEqual([200, '{"status":404,"payload":{"done":[true]}}']);
    expect(calls.map(({ name, payload: sent }) => [name, sent])).toEqual([["reboot", text]]);
    open.ended("clientDisconnected");
  });

  it.each([
    ["", "null"],
    ["plain text", '"plain text"'],
    ["[".repeat(5_000) + "]".repeat(5_000), JSON.stringify("[".repeat(5_000) + "]".repeat(5_000))],
  ])("give an answer of '%.12s' as JSON", async (text, payload) => {
    const open = await connect(identity, (call) => call.answer(200, text));
    const answer = await invoke({ methodName: "m" });
    expect([answer.status, answer.text]).toEqual([200, `{"status":200,"payload":${payload}}`]);
    open.ended("clientDisconnected");
  });

  it("refuse an answer of more than 128 KiB", async () => {
    const open = await connect(identity, (call) => call.answer(200, `"${"x".repeat(131_072)}"`));
    expectFormB(await invoke({ methodName: "m" }), 413, 413_001, "MessageTooLarge");
    open.ended("clientDisconnected");
  });

  it("tell at once that nobody is there", async () => {
    const message = expectFormB(await invoke({ methodName: "m" }), 404, 404_103, "DeviceNotOnline");
    expect(message).toBe("Timed out waiting for device to connect.");
  });

  it("wait for the client to connect, with times given as text", async () => {
    const waiting = invoke({
      methodName: "m",
      responseTimeoutInSeconds: "30",
      connectTimeoutInSeconds: "10",
    });
    const open = await connect(identity, (call) => call.answer(200, "1"));
    expect((await waiting).body).toEqual({ status: 200, payload: 1 });
    open.ended("clientDisconnected");
  });

  it("end in 504 just before the caller would give up", async () => {
    const asked = new Promise<void>((resolve) => {
      void connect(identity, () => resolve()).then((open) => {
        const answer = invoke({ methodName: "m", responseTimeoutInSeconds: 5 });
        silent = answer.finally(() => open.ended("clientDisconnected"));
      });
    });
    let silent: Promise<Answer> | undefined;
    await asked;
    hub.clock.advance(4_950);
    const answer = await silent;
    if (answer === undefined) throw new Error("not asked");
    expect(expectFormB(answer, 504, 504_101, "GatewayTimeout")).toBe(
      "Timed out waiting for the response from device.",
    );
  });

  it("tell that the client has left meanwhile", async () => {
    const open = await connect(identity, () => open.ended("networkLost"));
    const answer = await invoke({ methodName: "m" });
    const message = expectFormB(answer, 404, 404_104, "DeviceConnectionClosedRemotely");
    expect(message).toBe("Device unavailable");
  });

  it("run ten at a time, the eleventh is refused", async () => {
    const open = await connect(identity, (call) => calls.push(call));
    const ten = Array.from({ length: 10 }, () => invoke({ methodName: "m" }));
    await expect.poll(() => calls.length).toBe(10);
    const refused = await invoke({ methodName: "m" });
    expectFormB(refused, 403, 403_800, "DeviceMaximumInflightMethodExceeded");
    for (const call of calls) call.answer(200, "");
    for (const answer of await Promise.all(ten)) expect(answer.status).toBe(200);
    open.ended("clientDisconnected");
  });

  it.each([4, 301, "x", 5.5])("refuse a response time-out of %s", async (seconds) => {
    const answer = await invoke({ methodName: "m", responseTimeoutInSeconds: seconds });
    expect(expectFormB(answer, 400, 400_004, "ArgumentInvalid")).toBe(
      "responseTimeoutInSeconds must be within [5; 300].",
    );
  });

  it.each([
    "{",
    "[]",
    '"m"',
    "{}",
    '{"methodName":""}',
    '{"methodName":7}',
    '{"methodName":"a/b"}',
    `{"methodName":"${"m".repeat(101)}"}`,
    '{"methodName":"m","connectTimeoutInSeconds":301}',
    `{"methodName":"m","payload":${"[".repeat(2_000)}${"]".repeat(2_000)}}`,
  ])("refuse %.60s as a bad argument", async (body) => {
    expectFormB(await invoke(body), 400, 400_004, "ArgumentInvalid");
  });

  it("refuse a missing body, and a payload of 128 KiB and a byte", async () => {
    expectFormB(await invoke(undefined), 400, 400_005, "ArgumentNull");
    const open = await connect(identity, (call) => call.answer(200, call.payload));
    const most = await invoke({ methodName: "m", payload: "x".repeat(131_070) });
    expect([most.status, most.body.payload.length]).toEqual([200, 131_070]);
    const more = await invoke({ methodName: "m", payload: "x".repeat(131_071) });
    expectFormB(more, 413, 413_001, "MessageTooLarge");
    expectFormB(
      await invoke({ methodName: "m", payload: "x".repeat(300_000) }),
      413,
      413_001,
      "MessageTooLarge",
    );
    open.ended("clientDisconnected");
  });

  it("need ServiceConnect, and say so as every route does", async () => {
    for (const policy of ["device", "registryReadWrite"]) {
      const answer = await invoke({ methodName: "m" }, policy);
      expect([answer.status, answer.body.Message.split(";")[0]]).toEqual([
        401,
        "ErrorCode:IotHubUnauthorizedAccess",
      ]);
    }
    const stranger = await hub.call("POST", path, { policy: null, body: { methodName: "m" } });
    expect(stranger.body.Message).toBe("ErrorCode:IotHubUnauthorizedAccess;Unauthorized");
  });

  it("may be called by a module of the same device that names itself, and by nobody else's", async () => {
    const open = await connect(identity, (call) => call.answer(200, "1"));
    const by = (caller: string, header?: string) =>
      hub.call("POST", path, {
        policy: null,
        body: { methodName: "m" },
        headers: {
          authorization: tokenOf(caller),
          ...(header === undefined ? {} : { "x-ms-edge-moduleId": header }),
        },
      });
    expect((await by("/devices/d1/modules/m2", "d1/m2")).body).toEqual({ status: 200, payload: 1 });
    for (const header of [undefined, "m2", "d1/m2/x"]) {
      const answer = await by("/devices/d1/modules/m2", header);
      expectFormB(answer, 400, 400_004, "ArgumentInvalid");
    }
    const refused = [
      await by("/devices/d1/modules/m2", "d1/m1"),
      await by("/devices/d2", "d2/m2"),
      await by("/devices/d1", "d1/m2"),
    ];
    for (const { status, headers } of refused)
      expect([status, headers["iothub-errorcode"]]).toEqual([401, "IotHubUnauthorizedAccess"]);
    open.ended("clientDisconnected");
  });
});

describe("methods of nobody", () => {
  it.each([
    ["/twins/nobody/methods", 404_001, "DeviceNotFound", "nobody"],
    ["/twins/nobody/modules/m1/methods", 404_001, "DeviceNotFound", "nobody"],
    [
      "/twins/d1/modules/nobody/methods",
      404_010,
      "ModuleNotFound",
      "Device d1 has no module nobody",
    ],
  ])("%s", async (path, number, name, text) => {
    const answer = await hub.call("POST", path, { body: { methodName: "m" } });
    expect(expectFormB(answer, 404, number, name)).toBe(text);
  });
});
