import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { policyAnswer } from "../schemas/hub.ts";
import { regenerateAnswer } from "../schemas/keys.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
  await hub.call("PUT", "/devices/d1", { body: {} });
  await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
  await hub.call("PUT", "/devices/off", { body: { status: "disabled" } });
});
afterAll(() => hub.stop());

describe("key regeneration", () => {
  const renew = (body: unknown) => hub.call("POST", "/devices/keys/regenerate", { body });

  it.each([
    { path: "/devices/d1", entry: { id: "d1" } },
    { path: "/devices/d1/modules/m1", entry: { id: "d1", moduleId: "m1" } },
  ])("gives $path a new primary key and leaves the secondary", async ({ path, entry }) => {
    const before = (await hub.call("GET", path)).body.authentication.symmetricKey;
    const answer = await renew({ policyKey: "primaryKey", devices: [entry] });
    expect(answer.status).toBe(200);
    const { rotatedKeys, errors } = regenerateAnswer.parse(answer.body);
    expect(errors).toEqual([]);
    expect(rotatedKeys[0]).toEqual({
      id: "d1",
      moduleId: entry.moduleId ?? null,
      primaryKey: expect.not.stringMatching(before.primaryKey.replaceAll("+", "\\+")),
      secondaryKey: before.secondaryKey,
    });
    const after = (await hub.call("GET", path)).body.authentication.symmetricKey;
    expect(after.primaryKey).toBe(rotatedKeys[0]?.primaryKey);
  });

  it("answers 207 when some fail and 400 when all do", async () => {
    const some = await renew({ policyKey: "both", devices: [{ id: "d1" }, { id: "nobody" }] });
    expect([some.status, some.body.rotatedKeys.length]).toEqual([207, 1]);
    expect(some.body.errors).toEqual([
      { id: "nobody", moduleId: null, errorCode: 404001, errorStatus: "DeviceNotFound" },
    ]);
    const all = await renew({ policyKey: "both", devices: [{ id: "nobody", moduleId: "m" }] });
    expect(all.status).toBe(400);
    expect(all.headers["iothub-errorcode"]).toBe("BulkRegenerateDeviceKeyOperationFailure");
    expect(all.body.errors[0].moduleId).toBe("m");
  });

  it.each([
    [{ policyKey: "primary", devices: [{ id: "d1" }] }, "IotHubFormatError"],
    [{ policyKey: "both" }, "IotHubFormatError"],
    [{ policyKey: "both", devices: [] }, "ArgumentInvalid"],
  ])("refuses %j", async (body, name) => {
    const answer = await renew(body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, name]);
  });
});

describe("statistics", () => {
  it("count devices by status and not modules", async () => {
    const answer = await hub.call("GET", "/statistics/devices");
    expect(answer.text).toBe(
      '{"totalDeviceCount":2,"enabledDeviceCount":1,"disabledDeviceCount":1}',
    );
  });

  it("count connected devices", async () => {
    const answer = await hub.call("GET", "/Statistics/Service");
    expect(answer.text).toBe('{"connectedDeviceCount":0}');
  });

  it("need RegistryRead", async () => {
    expect((await hub.call("GET", "/statistics/devices", { policy: "registryRead" })).status).toBe(
      200,
    );
    expect((await hub.call("GET", "/statistics/devices", { policy: "service" })).status).toBe(401);
  });
});

describe("policies", () => {
  it("are shown with their keys to the owner, without api-version", async () => {
    const answer = await hub.call("GET", "/$hub/policies?");
    expect(answer.status).toBe(200);
    const policies = answer.body.map((policy: unknown) => policyAnswer.strict().parse(policy));
    expect(policies.map(({ name }: { name: string }) => name).toSorted()).toEqual([
      "device",
      "iothubowner",
      "registryRead",
      "registryReadWrite",
      "service",
    ]);
  });

  it("are shown one by one, and give tokens that work", async () => {
    const { body } = await hub.call("GET", "/%24hub/policies/registryRead?");
    expect(body.rights).toEqual(["RegistryRead"]);
    const authorization = hub.token({ policy: "registryRead", key: body.secondaryKey });
    expect(
      (await hub.call("GET", "/devices/d1", { policy: null, headers: { authorization } })).status,
    ).toBe(200);
  });

  it.each(["service", "device", "registryRead", "registryReadWrite"])(
    "are hidden from %s",
    async (policy) => {
      for (const path of [
        "/$hub/policies",
        "/$hub/policies/iothubowner",
        "/$hub/policies/nobody",
      ]) {
        const answer = await hub.call("GET", path, { policy });
        expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([
          401,
          "IotHubUnauthorizedAccess",
        ]);
      }
    },
  );

  it("are hidden from strangers and from devices", async () => {
    expect((await hub.call("GET", "/$hub/policies", { policy: null })).status).toBe(401);
    const { body } = await hub.call("GET", "/devices/d1");
    const key = body.authentication.symmetricKey.primaryKey;
    const authorization = hub.token({ policy: "", key, resource: `${hostName}/devices/d1` });
    const answer = await hub.call("GET", "/$hub/policies", {
      policy: null,
      headers: { authorization },
    });
    expect(answer.status).toBe(401);
  });

  it("that do not exist give 404", async () => {
    expect((await hub.call("GET", "/$hub/policies/nobody")).status).toBe(404);
  });
});
