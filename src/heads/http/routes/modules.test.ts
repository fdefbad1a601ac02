import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { moduleDocument } from "../schemas/identity.ts";

describe("module identities", () => {
  let hub: HubUnderTest;
  beforeAll(async () => void (hub = await startHubUnderTest()));
  afterAll(() => hub.stop());
  beforeEach(async () => {
    await hub.call("DELETE", "/devices/d1");
    await hub.call("PUT", "/devices/d1", { body: {} });
  });

  it.each([
    '{"deviceId":"d1","moduleId":"m1","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}',
    '{"moduleId":"m1","managedBy":"","deviceId":"d1","authentication":{"symmetricKey":{"primaryKey":"","secondaryKey":""},"type":"sas"}}',
    '{"moduleId":"m1","deviceId":"d1","authentication":{"symmetricKey":{},"type":"sas"}}',
    '{"moduleId":"m1","managedBy":null,"deviceId":"d1","connectionState":"Disconnected","lastActivityTime":"0001-01-01T00:00:00","cloudToDeviceMessageCount":0,"authentication":null}',
  ])("are created with 201 by the recorded body %s", async (body) => {
    const answer = await hub.call("PUT", "/devices/d1/modules/m1", { body });
    expect(answer.status).toBe(201);
    expect(answer.headers.etag).toBe(`"${answer.body.etag}"`);
    expect(Object.keys(moduleDocument.strict().parse(answer.body))).toHaveLength(10);
    expect(answer.body.authentication.symmetricKey.primaryKey).toHaveLength(44);
    expect(answer.headers.location).toBeUndefined();
  });

  it("keep keys of 36 bytes, as the Node article makes them", async () => {
    const key = Buffer.from("2d7a1c34-6a43-4f1e-9d0e-0a7c6e9f1b22").toString("base64");
    const symmetricKey = { primaryKey: key, secondaryKey: key };
    const body = { authentication: { type: "sas", symmetricKey } };
    const answer = await hub.call("PUT", "/devices/d1/modules/m1", { body });
    expect(answer.body.authentication.symmetricKey).toEqual(symmetricKey);
  });

  it("are updated with 200 by the document just read with a read-only member changed", async () => {
    const created = await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    const updated = await hub.call("PUT", "/devices/d1/modules/m1", {
      headers: { "if-match": String(created.headers.etag) },
      body: { ...created.body, lastActivityTime: "2026-05-01T10:00:00Z", managedBy: "me" },
    });
    expect(updated.status).toBe(200);
    expect(updated.body).toEqual({ ...created.body, managedBy: "me", etag: updated.body.etag });
  });

  it("are listed as an array, empty if there are none", async () => {
    expect((await hub.call("GET", "/devices/d1/modules")).body).toEqual([]);
    await hub.call("PUT", "/devices/d1/modules/m2", { body: {} });
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    const answer = await hub.call("GET", "/Devices/d1/MODULES/");
    expect(answer.body.map((module: { moduleId: string }) => module.moduleId)).toEqual([
      "m1",
      "m2",
    ]);
  });

  it.each([
    ["GET", "/devices/d1/modules/nope", 404, "ModuleNotFound"],
    ["DELETE", "/devices/d1/modules/nope", 404, "ModuleNotFound"],
    ["GET", "/devices/nope/modules/m1", 404, "DeviceNotFound"],
    ["PUT", "/devices/nope/modules/m1", 404, "DeviceNotFound"],
    ["GET", "/devices/nope/modules", 404, "DeviceNotFound"],
  ])("%s %s gives %s %s", async (method, path, status, name) => {
    const answer = await hub.call(method, path, method === "PUT" ? { body: {} } : {});
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  });

  it("that exist already are refused with the text that tools know", async () => {
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    const again = await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    expect(again.status).toBe(409);
    expect(again.body.Message).toBe(
      "ErrorCode:ModuleAlreadyExistsOnDevice;Device d1 in IotHub myhub already contains Module m1.",
    );
  });

  it("are deleted with 204", async () => {
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
    const answer = await hub.call("DELETE", "/devices/d1/modules/m1", {
      headers: { "if-match": "*" },
    });
    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  it("may be written with the credential of their own device, and of no other", async () => {
    const other = await hub.call("PUT", "/devices/d2", { body: {} });
    const { body } = await hub.call("GET", "/devices/d1");
    const as = (id: string, key: string) => ({
      policy: null,
      headers: {
        authorization: hub.token({ policy: "", key, resource: `${hostName}/devices/${id}` }),
      },
      body: {},
    });
    const own = await hub.call(
      "PUT",
      "/devices/d1/modules/m1",
      as("d1", body.authentication.symmetricKey.primaryKey),
    );
    expect(own.status).toBe(201);
    const stranger = as("d2", other.body.authentication.symmetricKey.primaryKey);
    expect((await hub.call("PUT", "/devices/d1/modules/m2", stranger)).status).toBe(401);
    await hub.call("DELETE", "/devices/d2");
  });

  it("with every character that IoT Hub allows come back as they were", async () => {
    const id = "Az09-:.+%_#*?!(),=@;$'";
    const path = `/devices/d1/modules/${encodeURIComponent(id)}`;
    const created = await hub.call("PUT", path, { body: { moduleId: id } });
    expect(created.body.moduleId).toBe(id);
    expect(
      (await hub.call("GET", `/devices%2Fd1%2Fmodules%2F${encodeURIComponent(id)}`)).body,
    ).toEqual(created.body);
  });
});
