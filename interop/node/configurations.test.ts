import type { Configuration } from "azure-iothub";
import { describe, expect, it, vi } from "vitest";
import { hubOfFile } from "./hub.ts";
import { kinds, openClient, plain, register, registryOf, watch } from "./support.ts";
import type { Subject } from "./support.ts";

const hub = await hubOfFile();

function configuration(
  id: string,
  { kind, deviceId, moduleId }: Subject,
  desired: object,
): Configuration {
  const settings = Object.fromEntries(
    Object.entries(desired).map(([name, value]) => [
      `properties.desired.${name}`,
      value as unknown,
    ]),
  );
  return {
    id,
    schemaVersion: "1.0",
    priority: 10,
    labels: { made: "here" },
    content: kind === "device" ? { deviceContent: settings } : { moduleContent: settings },
    targetCondition:
      kind === "device"
        ? `deviceId = '${deviceId}'`
        : `from devices.modules where deviceId = '${deviceId}' and moduleId = '${moduleId}'`,
  };
}

describe.each(kinds)("a configuration of the service SDK for a %s", (kind) => {
  it("reaches the client as one change, is updated, counted and withdrawn", async () => {
    const registry = registryOf(hub);
    const subject = await register(hub, kind);
    const { changes } = await watch(await openClient(hub, subject));
    const id = `c-${kind}`;
    const { responseBody: made } = await registry.addConfiguration(
      configuration(id, subject, { interval: 5, mode: "fast" }),
    );
    expect(made).toMatchObject({ id, priority: 10, labels: { made: "here" } });
    expect(await changes.next()).toEqual({ interval: 5, mode: "fast", $version: 2 });
    const stored = await vi.waitFor(async () => {
      const { responseBody } = await registry.getConfiguration(id);
      expect(responseBody.systemMetrics?.results).toEqual({ targetedCount: 1, appliedCount: 1 });
      return responseBody;
    });
    // The whole object goes back, as an application does it.
    await registry.updateConfiguration({ ...stored, priority: 20 });
    await expect(registry.updateConfiguration({ ...stored, priority: 30 })).rejects.toMatchObject({
      name: "InvalidEtagError",
    });
    const { responseBody: all } = await registry.getConfigurations();
    expect(all).toMatchObject([{ id, priority: 20 }]);
    await registry.removeConfiguration(id);
    expect(await changes.next()).toEqual({ interval: null, mode: null, $version: 3 });
    expect(plain((await subject.twin()).properties.desired)).toEqual({});
    await expect(registry.getConfiguration(id)).rejects.toMatchObject({
      response: { statusCode: 404 },
    });
  });

  it("is refused with a bad condition, and when there is one already", async () => {
    const registry = registryOf(hub);
    const subject = await register(hub, kind);
    const good = configuration(`r-${kind}`, subject, { x: 1 });
    await expect(
      registry.addConfiguration({ ...good, targetCondition: "from devices.modules where" }),
    ).rejects.toMatchObject({ name: "ArgumentError" });
    await registry.addConfiguration(good);
    await expect(registry.addConfiguration(good)).rejects.toMatchObject({
      response: { statusCode: 409 },
    });
    await registry.removeConfiguration(good.id);
  });
});

describe("content of the service SDK for one edge device", () => {
  it("makes its modules at once", async () => {
    const registry = registryOf(hub);
    await registry.create({ deviceId: "edge1", capabilities: { iotEdge: true } });
    await registry.applyConfigurationContentOnDevice("edge1", {
      modulesContent: {
        $edgeAgent: {
          "properties.desired": { schemaVersion: "1.1", modules: { cam: { type: "docker" } } },
        },
        $edgeHub: { "properties.desired": { schemaVersion: "1.1", routes: {} } },
        cam: { "properties.desired": { fps: 5 } },
      },
    });
    const { responseBody: modules } = await registry.getModulesOnDevice("edge1");
    expect(modules.map(({ moduleId }) => moduleId)).toEqual(["$edgeAgent", "$edgeHub", "cam"]);
    const { responseBody: twin } = await registry.getModuleTwin("edge1", "cam");
    expect(plain(twin.properties.desired)).toEqual({ fps: 5 });
  });
});
