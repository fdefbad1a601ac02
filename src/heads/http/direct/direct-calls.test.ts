import { Agent, request } from "node:http";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type Call,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { FailedLogins } from "../../../app/strangers/failed-logins.ts";
import { defaultStrangerLimits } from "../../../app/strangers/limits.ts";
import { MovableClock } from "../../../testing/movable-clock.ts";

const version = "?api-version=2021-04-12";
const batch = { "content-type": "application/vnd.microsoft.iothub.json" };

const kinds = [
  { kind: "device", module: "" },
  { kind: "module", module: "/modules/m1" },
];

let hub: HubUnderTest;
beforeAll(async () => {
  // Nobody is made to wait for a refusal, however many came before.
  const limits = { failures: 1e9, failuresPerAddress: 1e9, failuresPerIdentity: 1e9 };
  const failedLogins = new FailedLogins(new MovableClock(), {
    ...defaultStrangerLimits,
    ...limits,
  });
  hub = await startHubUnderTest({ faultInjection: true, failedLogins });
});
afterAll(() => hub.stop());

/** Key of both devices and their modules: what signs for one signs for all, as far as its resource allows. */
const key = Buffer.alloc(32, 7).toString("base64");

beforeEach(async () => {
  const authentication = { type: "sas", symmetricKey: { primaryKey: key, secondaryKey: key } };
  for (const device of ["d1", "d2"]) {
    await hub.call("DELETE", `/devices/${device}`);
    await hub.call("PUT", `/devices/${device}`, { body: { authentication } });
    await hub.call("PUT", `/devices/${device}/modules/m1`, { body: { authentication } });
  }
});

/** What an answer says beside its id, its times and the name of its device. */
function saidBy({ status, headers, text }: Answer) {
  const { date: _date, "x-ms-request-id": _id, ...kept } = headers;
  const said = text
    .replaceAll("d2", "d1")
    .replaceAll(/"deviceEtag":"[^"]*"/g, "")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]*Z/g, "time")
    .replace(/Tracking ID:[0-9A-F]*/, "");
  const { "content-length": _length, ...others } = kept;
  return { status, headers: others, said };
}

/** Asks one device in the usual spelling, the other in one that the framework answers. */
async function askBoth(
  method: string,
  pathOf: (device: string) => string,
  call: (device: string) => Call,
) {
  const usual = await hub.call(method, pathOf("d1"), call("d1"));
  const other = await hub.call(method, `/${pathOf("d2")}`, call("d2"));
  expect(saidBy(usual)).toEqual(saidBy(other));
  return usual;
}

describe.each(kinds)("The twin of a $kind", ({ module }) => {
  const twin = (device: string): string => `/twins/${device}${module}`;

  it.each<[string, number, string, Call]>([
    ["is read", 200, "GET", {}],
    ["is patched", 200, "PATCH", { body: { tags: { a: 1 }, properties: { desired: { b: {} } } } }],
    ["is replaced", 200, "PUT", { body: { tags: { a: 1 }, properties: { desired: {} } } }],
    ["is patched by nothing", 200, "PATCH", { body: {} }],
    [
      "is patched if its etag is as said",
      200,
      "PATCH",
      { body: {}, headers: { "if-match": '"AAAAAAAAAAE="' } },
    ],
    [
      "needs the etag that was said",
      412,
      "PATCH",
      { body: {}, headers: { "if-match": '"AAAAAAAAAAI="' } },
    ],
    ["needs a body", 400, "PATCH", {}],
    ["needs JSON", 400, "PATCH", { body: "{" }],
    ["needs an object", 400, "PUT", { body: "[]" }],
    ["needs UTF-8", 400, "PATCH", { body: Buffer.from([0x7b, 0xff, 0x7d]) }],
    ["holds no such name", 400, "PATCH", { body: { tags: { "a.b": 1 } } }],
    ["holds no such number", 400, "PATCH", { body: `{"tags":{"a":${2 ** 53}}}` }],
    [
      "holds not so much",
      403,
      "PATCH",
      { body: { tags: { a: "x".repeat(4096), b: "x".repeat(4096) } } },
    ],
    ["names no other", 400, "PATCH", { body: { deviceId: "d9" } }],
    ["is for services only", 401, "GET", { policy: "device" }],
    ["is not for strangers", 401, "PATCH", { policy: null, body: {} }],
    ["is not for guesses", 401, "PATCH", { policy: "nobody", body: {} }],
    ["is not for what is no token", 401, "GET", { headers: { authorization: "Bearer x" } }],
    ["is not for pages of others", 400, "GET", { headers: { host: "evil.example" } }],
  ])("%s, spelled as usual or not: %i to %s", async (_what, status, method, call) => {
    expect((await askBoth(method, twin, () => call)).status).toBe(status);
    expect((await askBoth("GET", twin, () => ({}))).status).toBe(200);
  });

  it("that is not there is missed alike", async () => {
    await askBoth(
      "GET",
      (device) => `${twin(device)}x`,
      () => ({}),
    );
    await askBoth(
      "PATCH",
      (device) => `${twin(device)}x`,
      () => ({ body: {} }),
    );
    await askBoth(
      "GET",
      (device) => `/twins/${device}x${module}`,
      () => ({}),
    );
  });

  it("is patched alike by whatever comes", async () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, 2 ** 52, "", {}, []));
    const section = fc.dictionary(fc.string({ maxLength: 3 }), value, { maxKeys: 3 });
    const body = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record(
          { tags: section, properties: fc.record({ desired: section }) },
          { requiredKeys: [] },
        )
        .map((patch) => JSON.stringify(patch)),
    );
    const method = fc.constantFrom("PATCH", "PUT");
    await fc.assert(
      fc.asyncProperty(
        method,
        body,
        async (how, text) => void (await askBoth(how, twin, () => ({ body: text }))),
      ),
      { numRuns: 40 },
    );
  });
});

describe.each(kinds)("Messages of a $kind", ({ module }) => {
  const events = (device: string): string => `/devices/${device}${module}/messages/events`;
  const own = (device: string): { readonly authorization: string } => ({
    authorization: hub.token({
      policy: "",
      key,
      resource: `${hostName}/devices/${device}${module}`,
    }),
  });

  it.each<[string, number, Call]>([
    ["are taken", 204, { body: "x", headers: { "iothub-app-a": "1" } }],
    ["may be empty", 204, {}],
    ["may come as a batch", 204, { body: '[{"body":"eA=="}]', headers: batch }],
    ["are no broken batch", 400, { body: "[{", headers: batch }],
    ["may be as large as a message", 204, { body: "x".repeat(262_144) }],
    [
      "are not too large with their properties",
      413,
      { body: "x".repeat(262_144), headers: { "iothub-app-a": "1" } },
    ],
    [
      "may ask for a fault",
      204,
      {
        headers: {
          "iothub-app-AzIoTHub_FaultOperationType": "InvokeThrottling",
          "iothub-app-AzIoTHub_FaultOperationDurationInSecs": "0",
        },
      },
    ],
    ["are none of another host", 400, { body: "x", headers: { host: "evil.example" } }],
  ])("%s, spelled as usual or not: %i", async (_what, status, { headers, ...call }) => {
    const answer = await askBoth("POST", events, (device) => ({
      ...call,
      policy: null,
      headers: { ...own(device), ...headers },
    }));
    expect(answer.status).toBe(status);
  });

  it.each<[string, number, () => Call]>([
    ["a policy that may send for all is known", 204, () => ({ policy: "device" })],
    ["a service is refused", 401, () => ({ policy: "service" })],
    ["a stranger is refused", 401, () => ({ policy: null })],
    [
      "another one is refused",
      401,
      () => ({
        policy: null,
        headers: {
          authorization: hub.token({ policy: "", key, resource: `${hostName}/devices/d3` }),
        },
      }),
    ],
  ])("%s, spelled as usual or not: %i", async (_what, status, call) => {
    expect((await askBoth("POST", events, call)).status).toBe(status);
  });
});

describe.each([
  ["PATCH", "/twins/d1", 131_072],
  ["PUT", "/twins/d1/modules/m1", 131_072],
  ["POST", "/devices/d1/messages/events", 262_144],
  ["POST", "/devices/d1/modules/m1/messages/events", 262_144],
])("%s %s", (method, path, limit) => {
  /** The head alone: a body that nobody reads could cut the answer off. */
  function statusOf(length: string): Promise<string> {
    const authorization = hub.token({ policy: "iothubowner" });
    const socket = hub.open();
    let text = "";
    socket.setEncoding("latin1");
    const answered = new Promise<string>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("data", (part: string) => {
        text += part;
        const status = /^HTTP\/1.1 (\d+) [^]*\r\n\r\n/.exec(text)?.[1];
        if (status !== undefined) resolve(status);
      });
      socket.on("close", () => resolve("closed"));
    });
    socket.write(
      `${method} ${path}${version} HTTP/1.1\r\nHost: ${hostName}\r\nAuthorization: ${authorization}\r\nContent-Length: ${length}\r\n\r\n`,
    );
    return answered.finally(() => socket.destroy());
  }

  it("refuses a body that is announced as too large before it comes", async () => {
    expect(await statusOf(String(limit + 1))).toBe("413");
    expect(await statusOf(`1${"0".repeat(11)}`)).toBe("413");
    expect(await statusOf("x")).toBe("400");
  });
});

describe("A connection that stays open", () => {
  let agent: Agent;
  beforeEach(() => void (agent = new Agent({ keepAlive: true, maxSockets: 1 })));
  afterEach(() => agent.destroy());

  const ports = new Set<number | undefined>();
  function ask(method: string, path: string, authorization: string, body = ""): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request({
        agent,
        host: "127.0.0.1",
        port: hub.port,
        method,
        path: `${path}${version}`,
        headers: { host: hostName, authorization, "content-length": Buffer.byteLength(body) },
      });
      sent.on("error", reject);
      sent.on("response", (response) => {
        ports.add(response.socket.localPort);
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.end(body);
    });
  }

  const keyOf = async (policy: string): Promise<string> =>
    (await hub.call("GET", `/$hub/policies/${policy}`)).body.primaryKey;

  beforeEach(async () => {
    ports.clear();
    await hub.call("PUT", "/$hub/policies/svc", { body: { rights: ["ServiceConnect"] } });
    await hub.call("PUT", "/$hub/policies/dev", { body: { rights: ["DeviceConnect"] } });
  });

  describe.each(kinds)("of a service that works on a $kind", ({ module }) => {
    const twin = `/twins/d1${module}`;
    const change = (token: string): Promise<number> =>
      ask("PATCH", twin, token, '{"tags":{"a":1}}');
    const policyToken = async (): Promise<string> =>
      hub.token({ policy: "svc", key: await keyOf("svc") });

    it("serves the same token again and again, and no other in between", async () => {
      const token = await policyToken();
      const wrong = hub.token({ policy: "svc", key });
      const later = token.replace(/se=\d+/, (text) => `${text}0`);
      expect([await change(token), await change(token)]).toEqual([200, 200]);
      for (const other of [wrong, later]) {
        expect(await change(other)).toBe(401);
        expect(await ask("GET", twin, other)).toBe(401);
        expect(await change(token)).toBe(200);
      }
      expect(ports.size).toBe(1);
    });

    it("ends the token's use with its time", async () => {
      const token = await policyToken();
      expect(await change(token)).toBe(200);
      hub.clock.advance(3_600_000 + 301_000);
      expect([await change(token), await ask("GET", twin, token)]).toEqual([401, 401]);
    });

    it("ends it with the policy's key", async () => {
      const token = await policyToken();
      expect(await change(token)).toBe(200);
      await hub.call("POST", "/$hub/policies/svc/regenerate", { body: { key: "primaryKey" } });
      expect(await change(token)).toBe(401);
      expect(await change(await policyToken())).toBe(200);
    });

    it("ends it with the policy, and with its right", async () => {
      const token = await policyToken();
      const primaryKey = await keyOf("svc");
      expect(await change(token)).toBe(200);
      await hub.call("DELETE", "/$hub/policies/svc");
      expect([await change(token), await ask("GET", twin, token)]).toEqual([401, 401]);
      await hub.call("PUT", "/$hub/policies/svc", {
        body: { rights: ["RegistryRead"], primaryKey },
      });
      expect([await change(token), await ask("GET", twin, token)]).toEqual([401, 401]);
      await hub.call("PUT", "/$hub/policies/svc", {
        body: { rights: ["ServiceConnect"], primaryKey },
      });
      expect(await change(token)).toBe(200);
    });
  });

  describe.each(kinds)("of a $kind", ({ module }) => {
    const identity = `/devices/d1${module}`;
    const send = (token: string): Promise<number> =>
      ask("POST", `${identity}/messages/events`, token, "x");
    const ownToken = (): string =>
      hub.token({ policy: "", key, resource: `${hostName}${identity}` });

    it("takes messages until its key is another", async () => {
      const token = ownToken();
      expect([await send(token), await send(token)]).toEqual([204, 204]);
      const other = Buffer.alloc(32, 8).toString("base64");
      const authentication = {
        type: "sas",
        symmetricKey: { primaryKey: other, secondaryKey: other },
      };
      const headers = { "if-match": "*" };
      await hub.call("PUT", identity, { headers, body: { authentication } });
      expect([await send(token), await send(token)]).toEqual([401, 401]);
      expect(ports.size).toBe(1);
    });

    it("takes messages until its device is disabled, or it is gone", async () => {
      const token = ownToken();
      const symmetricKey = { primaryKey: key, secondaryKey: key };
      const setStatus = (status: string): Promise<Answer> =>
        hub.call("PUT", "/devices/d1", {
          headers: { "if-match": "*" },
          body: { status, authentication: { type: "sas", symmetricKey } },
        });
      expect(await send(token)).toBe(204);
      await setStatus("disabled");
      expect(await send(token)).toBe(401);
      await setStatus("enabled");
      expect(await send(token)).toBe(204);
      await hub.call("DELETE", identity);
      expect(await send(token)).toBe(401);
    });

    it("takes them from a policy until the policy may no longer send", async () => {
      const token = hub.token({ policy: "dev", key: await keyOf("dev") });
      expect(await send(token)).toBe(204);
      await hub.call("PUT", "/$hub/policies/dev", { body: { rights: ["RegistryRead"] } });
      expect(await send(token)).toBe(401);
    });

    it("takes them until the token ends", async () => {
      const token = ownToken();
      expect(await send(token)).toBe(204);
      hub.clock.advance(3_600_000 + 301_000);
      expect(await send(token)).toBe(401);
    });
  });
});
