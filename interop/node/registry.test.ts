import { beforeAll, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { refusal, registryOf } from "./support.ts";

const hub = await hubOfFile();
const registry = registryOf(hub);

describe("device identities through azure-iothub", () => {
  it("are created with generated keys of 32 bytes, enabled and disconnected", async () => {
    const { responseBody: device } = await registry.create({ deviceId: "created" });
    const keys = device.authentication?.symmetricKey;
    expect(Buffer.from(keys?.primaryKey ?? "", "base64")).toHaveLength(32);
    expect(keys?.secondaryKey).not.toBe(keys?.primaryKey);
    expect(device).toMatchObject({
      deviceId: "created",
      status: "enabled",
      connectionState: "Disconnected",
    });
    expect(device.generationId).toMatch(/^\d+$/);
  });

  it("keep keys that the caller brings, of another length too", async () => {
    const primaryKey = Buffer.from("9dbb8a8e-4b1c-4a3a-9d5c-000000000001").toString("base64");
    const secondaryKey = Buffer.from("9dbb8a8e-4b1c-4a3a-9d5c-000000000002").toString("base64");
    await registry.create({
      deviceId: "own-keys",
      authentication: { symmetricKey: { primaryKey, secondaryKey } },
    });
    const { responseBody } = await registry.get("own-keys");
    expect(responseBody.authentication?.symmetricKey).toEqual({ primaryKey, secondaryKey });
  });

  it("are refused a second time as DeviceAlreadyExistsError, and stay as they were", async () => {
    const { responseBody: first } = await registry.create({ deviceId: "twice" });
    await expect(registry.create({ deviceId: "twice" })).rejects.toMatchObject({
      name: "DeviceAlreadyExistsError",
    });
    const { responseBody: now } = await registry.get("twice");
    expect(now.generationId).toBe(first.generationId);
  });

  it("are updated: status and reason change, and with them the etag", async () => {
    const { responseBody: first } = await registry.create({ deviceId: "updated" });
    await registry.update({ deviceId: "updated", status: "disabled", statusReason: "in repair" });
    const { responseBody: now } = await registry.get("updated");
    expect(now).toMatchObject({ status: "disabled", statusReason: "in repair" });
    expect(now.generationId).toBe(first.generationId);
    expect(now.etag).not.toBe(first.etag);
  });

  it("are gone after a deletion, with their modules", async () => {
    await registry.create({ deviceId: "deleted" });
    await registry.addModule({ deviceId: "deleted", moduleId: "m1" });
    await registry.delete("deleted");
    await expect(registry.get("deleted")).rejects.toMatchObject({ name: "DeviceNotFoundError" });
    await expect(registry.getModule("deleted", "m1")).rejects.toMatchObject({
      response: { statusCode: 404 },
    });
  });

  it("that do not exist are a DeviceNotFoundError for every call", async () => {
    const notFound = { name: "DeviceNotFoundError" };
    await expect(registry.get("nobody")).rejects.toMatchObject(notFound);
    await expect(registry.update({ deviceId: "nobody" })).rejects.toMatchObject(notFound);
    await expect(registry.delete("nobody")).rejects.toMatchObject(notFound);
    await expect(registry.getTwin("nobody")).rejects.toMatchObject(notFound);
    await expect(registry.getModulesOnDevice("nobody")).rejects.toMatchObject(notFound);
    await expect(registry.addModule({ deviceId: "nobody", moduleId: "m1" })).rejects.toMatchObject(
      notFound,
    );
  });

  it("are listed and counted", async () => {
    const before = (await registry.getRegistryStatistics()).responseBody;
    await registry.create({ deviceId: "counted-1" });
    await registry.create({ deviceId: "counted-2", status: "disabled" });
    const after = (await registry.getRegistryStatistics()).responseBody;
    expect(after.totalDeviceCount - before.totalDeviceCount).toBe(2);
    expect(after.disabledDeviceCount - before.disabledDeviceCount).toBe(1);
    const ids = (await registry.list()).responseBody.map((device) => device.deviceId);
    expect(ids).toEqual(expect.arrayContaining(["counted-1", "counted-2"]));
    expect(ids).toHaveLength(after.totalDeviceCount);
  });

  it("with an id outside the allowed characters are an ArgumentError", async () => {
    await expect(registry.create({ deviceId: "no/slash" })).rejects.toMatchObject({
      name: "ArgumentError",
    });
  });

  it("are refused to a policy without the right as UnauthorizedError", async () => {
    const connectionString = hub.connectionStrings["service"];
    if (connectionString === undefined) throw new Error("no service policy");
    const service = registryOf({ ...hub, connectionString });
    await expect(service.create({ deviceId: "forbidden" })).rejects.toMatchObject({
      name: "UnauthorizedError",
    });
    await expect(registry.get("forbidden")).rejects.toMatchObject({ name: "DeviceNotFoundError" });
  });
});

describe("module identities through azure-iothub", () => {
  beforeAll(async () => {
    await registry.create({ deviceId: "host" });
  });

  it("are created, read, listed by device and removed", async () => {
    await registry.addModule({ deviceId: "host", moduleId: "one" });
    await registry.addModule({ deviceId: "host", moduleId: "two" });
    const { responseBody: module } = await registry.getModule("host", "one");
    expect(module).toMatchObject({ deviceId: "host", moduleId: "one" });
    expect(
      Buffer.from(module.authentication?.symmetricKey?.primaryKey ?? "", "base64"),
    ).toHaveLength(32);
    const listed = (await registry.getModulesOnDevice("host")).responseBody;
    expect(listed.map((each) => each.moduleId)).toEqual(["one", "two"]);
    await registry.removeModule("host", "one");
    await registry.removeModule("host", "two");
    expect((await registry.getModulesOnDevice("host")).responseBody).toEqual([]);
  });

  it("are refused a second time with 409 ModuleAlreadyExistsOnDevice", async () => {
    await registry.addModule({ deviceId: "host", moduleId: "again" });
    await expect(registry.addModule({ deviceId: "host", moduleId: "again" })).rejects.toMatchObject(
      { name: "DeviceAlreadyExistsError", response: { statusCode: 409 } },
    );
    const answer = await hub.call("PUT", "/devices/host/modules/again", {});
    expect(answer).toMatchObject(refusal(409, "ModuleAlreadyExistsOnDevice"));
  });

  it("are updated with the etag that was read, and refused as InvalidEtagError with a stale one", async () => {
    await registry.addModule({ deviceId: "host", moduleId: "changing" });
    const { responseBody: stale } = await registry.getModule("host", "changing");
    await registry.updateModule({ ...stale, managedBy: "first" });
    await expect(registry.updateModule({ ...stale, managedBy: "second" })).rejects.toMatchObject({
      name: "InvalidEtagError",
    });
    // The SDK takes a module without its id beside it only with a callback.
    const refused = new Promise((resolve) => registry.removeModule(stale, resolve));
    expect(await refused).toMatchObject({ name: "InvalidEtagError" });
    expect((await registry.getModule("host", "changing")).responseBody.managedBy).toBe("first");
    await registry.updateModule({ ...stale, managedBy: "third" }, true);
    expect((await registry.getModule("host", "changing")).responseBody.managedBy).toBe("third");
  });

  it("that do not exist are 404 ModuleNotFound", async () => {
    await expect(registry.getModule("host", "nobody")).rejects.toMatchObject({
      response: { statusCode: 404 },
    });
    expect(await hub.call("GET", "/devices/host/modules/nobody")).toMatchObject(
      refusal(404, "ModuleNotFound"),
    );
  });
});

describe("bulk operations through azure-iothub", () => {
  it("add, update and remove many devices in one call each", async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `bulk-${index}`);
    const devices = ids.map((deviceId) => ({ deviceId }));
    expect((await registry.addDevices(devices)).responseBody).toMatchObject({ isSuccessful: true });

    const some = ids.slice(0, 3).map((deviceId) => ({ deviceId, status: "disabled" }));
    const updated = (await registry.updateDevices(some, true)).responseBody;
    expect(updated).toMatchObject({ isSuccessful: true, errors: [] });
    expect((await registry.get("bulk-2")).responseBody.status).toBe("disabled");
    expect((await registry.get("bulk-3")).responseBody.status).toBe("enabled");

    expect((await registry.removeDevices(devices, true)).responseBody.isSuccessful).toBe(true);
    await expect(registry.get("bulk-99")).rejects.toMatchObject({ name: "DeviceNotFoundError" });
  });

  it("carry out the entries that can be, and fail as ArgumentError if one can not", async () => {
    await registry.create({ deviceId: "in-the-way" });
    await expect(
      registry.addDevices([{ deviceId: "in-the-way" }, { deviceId: "beside" }]),
    ).rejects.toMatchObject({ name: "ArgumentError" });
    expect((await registry.get("beside")).responseBody.deviceId).toBe("beside");
  });

  it("compare etags unless forced", async () => {
    const { responseBody: stale } = await registry.create({ deviceId: "compared" });
    await registry.update({ deviceId: "compared", statusReason: "newer" });
    await expect(
      registry.updateDevices([Object.assign({}, stale, { statusReason: "lost" })], false),
    ).rejects.toMatchObject({ name: "ArgumentError" });
    await expect(registry.removeDevices([stale], false)).rejects.toMatchObject({
      name: "ArgumentError",
    });
    const { responseBody: current } = await registry.get("compared");
    expect(current.statusReason).toBe("newer");
    await registry.removeDevices([current], false);
    await expect(registry.get("compared")).rejects.toMatchObject({ name: "DeviceNotFoundError" });
  });
});
