import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import type { DeviceLink } from "../../../app/ports.ts";
import { parseSasToken } from "../../../wire/sas-token.ts";
import { connectionAnswer, endedConnectionAnswer, overviewAnswer } from "../schemas/hub.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
  for (const path of ["/devices/d1", "/devices/d2", "/devices/d1/modules/m1"])
    await hub.call("PUT", path, { body: {} });
});
afterAll(() => hub.stop());

const link: DeviceLink = {
  protocol: "mqtt",
  pushDesired: () => undefined,
  close: () => undefined,
  messagesWaiting: () => undefined,
  invoke: () => () => undefined,
};

async function connect(key: IdentityKey) {
  const token = parseSasToken(hub.token({ policy: "device" }));
  const principal = await hub.hub.auth.identity({ key, credential: { kind: "sas", token } });
  return hub.hub.connections.open(principal, link, { clean: true });
}

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
}

describe("connections", () => {
  it("are listed in order and in pages, and their ends with the reason", async () => {
    const opened = [
      await connect({ deviceId: "d2" }),
      await connect({ deviceId: "d1", moduleId: "m1" }),
      await connect({ deviceId: "d1" }),
    ];
    const all = await hub.call("GET", "/$hub/connections", { policy: "service" });
    const shown = all.body.map((one: unknown) => connectionAnswer.strict().parse(one));
    expect(shown).toMatchObject([
      { deviceId: "d1", protocol: "mqtt", auth: { scope: "hub", type: "sas" } },
      { deviceId: "d1", moduleId: "m1" },
      { deviceId: "d2" },
    ]);
    const page = await hub.call("GET", "/$hub/connections?after=d1&top=1");
    expect(page.body).toMatchObject([{ deviceId: "d1", moduleId: "m1" }]);
    expect((await hub.call("GET", "/$hub/connections?after=d1/m1")).body).toHaveLength(1);

    const overview = await hub.call("GET", "/$hub/overview");
    expect(overviewAnswer.strict().parse(overview.body)).toMatchObject({
      hostName,
      devices: { total: 2, enabled: 2, disabled: 0, connected: 2 },
      modules: { total: 1, connected: 1 },
      partitions: [{ partition: 0, lastSequenceNumber: 0 }],
    });

    for (const open of opened) open.ended("tokenExpired");
    expect((await hub.call("GET", "/$hub/connections")).body).toEqual([]);
    const ended = await hub.call("GET", "/$hub/connections/ended");
    const ends = ended.body.map((one: unknown) => endedConnectionAnswer.strict().parse(one));
    expect(ends[0]).toMatchObject({ deviceId: "d1", reason: "tokenExpired" });
    expect(ends).toHaveLength(3);
  });

  it.each(["?top=0", "?top=1001", "?top=x"])("refuse a page of %s", async (query) => {
    expectRefusal(await hub.call("GET", `/$hub/connections${query}`), 400, "ArgumentInvalid");
  });

  it.each(["/$hub/connections", "/$hub/connections/ended", "/$hub/overview"])(
    "and counts (%s) are hidden from who has not the rights",
    async (path) => {
      for (const policy of [null, "device", "registryReadWrite"])
        expectRefusal(await hub.call("GET", path, { policy }), 401, "IotHubUnauthorizedAccess");
    },
  );
});

describe("policies", () => {
  const path = "/$hub/policies/robots";

  it("are made with new keys, changed keeping them, given new ones, and deleted", async () => {
    const made = await hub.call("PUT", path, { body: { rights: ["DeviceConnect"] } });
    expect([made.status, made.body.rights]).toEqual([200, ["DeviceConnect"]]);
    expect(Buffer.from(made.body.primaryKey, "base64")).toHaveLength(32);

    const rights = ["ServiceConnect", "RegistryRead", "RegistryRead"];
    const changed = await hub.call("PUT", path, { body: { rights } });
    expect(changed.body).toEqual({ ...made.body, rights: ["ServiceConnect", "RegistryRead"] });

    const token = (key: string) => hub.token({ policy: "robots", key });
    const read = (authorization: string) =>
      hub.call("GET", "/devices/d1", { policy: null, headers: { authorization } });
    expect((await read(token(made.body.primaryKey))).status).toBe(200);
    const renewed = await hub.call("POST", `${path}/regenerate`, { body: { key: "primaryKey" } });
    expect(renewed.body.secondaryKey).toBe(made.body.secondaryKey);
    expect((await read(token(made.body.primaryKey))).status).toBe(401);
    expect((await read(token(renewed.body.primaryKey))).status).toBe(200);

    const gone = await hub.call("DELETE", path);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await read(token(renewed.body.primaryKey))).status).toBe(401);
    expectRefusal(await hub.call("DELETE", path), 404, "GenericNotFound");
    expectRefusal(
      await hub.call("POST", `${path}/regenerate`, { body: { key: "primaryKey" } }),
      404,
      "GenericNotFound",
    );
  });

  it("may be given keys", async () => {
    const key = Buffer.alloc(32, 7).toString("base64");
    const body = { rights: ["ServiceConnect"], primaryKey: key, secondaryKey: null };
    expect((await hub.call("PUT", path, { body })).body.primaryKey).toBe(key);
    await hub.call("DELETE", path);
  });

  it.each([
    [{ rights: ["Everything"] }, "IotHubFormatError"],
    [{ rights: [] }, "ArgumentInvalid"],
    [{}, "IotHubFormatError"],
    [{ rights: ["ServiceConnect"], primaryKey: "short" }, "ArgumentInvalid"],
  ])("refuse %j", async (body, name) => {
    expectRefusal(await hub.call("PUT", path, { body }), 400, name);
  });

  it("always leave somebody who may do everything", async () => {
    const owner = "/$hub/policies/iothubowner";
    expectRefusal(await hub.call("DELETE", owner), 400, "InvalidOperation");
    const less = { rights: ["ServiceConnect"] };
    expectRefusal(await hub.call("PUT", owner, { body: less }), 400, "InvalidOperation");
  });

  it("are at most sixteen", async () => {
    const body = { rights: ["ServiceConnect"] };
    for (let index = 0; index < 11; index++)
      expect((await hub.call("PUT", `/$hub/policies/p${index}`, { body })).status).toBe(200);
    expectRefusal(await hub.call("PUT", "/$hub/policies/p11", { body }), 400, "InvalidOperation");
  });

  it("are managed by owners only", async () => {
    for (const [method, target, body] of [
      ["PUT", path, { rights: ["ServiceConnect"] }],
      ["DELETE", path, undefined],
      ["POST", `${path}/regenerate`, { key: "primaryKey" }],
    ] as const)
      for (const policy of ["service", "registryReadWrite", "device"])
        expectRefusal(
          await hub.call(method, target, { policy, body }),
          401,
          "IotHubUnauthorizedAccess",
        );
  });
});
