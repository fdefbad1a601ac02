import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { BulkEntry } from "../../src/domain/identity/inputs.ts";
import { AppHub, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

describe.each(storeKinds)("On the %s store", (kind) => {
  let app: AppHub;
  beforeEach(async () => {
    app = await AppHub.start(kind);
  });
  afterEach(() => app.stop());

  function entry(id: string, more: Partial<BulkEntry> = {}): BulkEntry {
    return { id, importMode: "create", ...more };
  }

  describe("The registry", () => {
    it("R19 refuses a module that exists, and names module, hub and device", async () => {
      await app.create({ deviceId: "d1", moduleId: "m1" });
      const again = app.hub.identities.putModule(
        owner,
        { deviceId: "d1", moduleId: "m1" },
        {},
        noPrecondition,
      );
      await expect(again).rejects.toMatchObject({
        name: "ModuleAlreadyExistsOnDevice",
        number: 409301,
        message: "Device d1 in IotHub hub already contains Module m1.",
      });
    });

    it("R20 refuses a module on an unknown device", async () => {
      const key = { deviceId: "nobody", moduleId: "m1" };
      expect(await refusalOf(app.hub.identities.putModule(owner, key, {}, noPrecondition))).toBe(
        "404001 DeviceNotFound",
      );
    });

    it("R21 says of an unknown module of a known device that the module is not there", async () => {
      await app.create({ deviceId: "d1" });
      expect(
        await refusalOf(app.hub.identities.get(owner, { deviceId: "d1", moduleId: "nope" })),
      ).toBe("404010 ModuleNotFound");
    });

    it("R23 makes the system modules of an edge device, which nobody else may write", async () => {
      await app.hub.identities.putDevice(
        owner,
        "e1",
        { capabilities: { iotEdge: true } },
        noPrecondition,
      );
      const modules = await app.hub.identities.listModules(owner, "e1");
      expect(modules.map((module) => [module["moduleId"], module["managedBy"]])).toEqual([
        ["$edgeAgent", "iotEdge"],
        ["$edgeHub", "iotEdge"],
      ]);
      const key = { deviceId: "e1", moduleId: "$edgeHub" };
      expect(await refusalOf(app.hub.identities.putModule(owner, key, {}, anyEtag))).toBe(
        "401100 SystemModuleModifyUnauthorizedAccess",
      );
      expect(await refusalOf(app.hub.identities.delete(owner, key, anyEtag))).toBe(
        "401100 SystemModuleModifyUnauthorizedAccess",
      );
    });

    it("R26 deletes a device with its modules and twins; the next one of that name starts anew", async () => {
      await app.create({ deviceId: "d1", moduleId: "m1" });
      const before = await app.hub.identities.get(owner, { deviceId: "d1" });
      await app.hub.twins.patch(owner, { deviceId: "d1" }, { tags: { old: true } }, noPrecondition);
      await app.hub.identities.delete(owner, { deviceId: "d1" }, noPrecondition);
      expect(await refusalOf(app.hub.twins.get(owner, { deviceId: "d1", moduleId: "m1" }))).toBe(
        "404001 DeviceNotFound",
      );
      await app.create({ deviceId: "d1" });
      const after = await app.hub.identities.get(owner, { deviceId: "d1" });
      expect(after.body["generationId"]).not.toBe(before.body["generationId"]);
      const twin = await app.hub.twins.get(owner, { deviceId: "d1" });
      expect(twin).toMatchObject({ etag: "AAAAAAAAAAE=", body: { version: 2 } });
      expect(twin.body).not.toHaveProperty("tags");
      expect(await app.hub.identities.listModules(owner, "d1")).toEqual([]);
    });

    it("R28 refuses a bulk call that names an identity twice, before it does anything", async () => {
      const entries = [entry("a"), entry("b"), entry("a", { importMode: "update" })];
      expect(await refusalOf(app.hub.identities.bulk(owner, entries))).toBe(
        "400011 DeviceDefinedMultipleTimes",
      );
      expect(await app.hub.identities.statistics(owner)).toMatchObject({ total: 0 });
    });

    it("takes several modules of one device in one bulk call", async () => {
      await app.create({ deviceId: "d1" });
      const entries = [entry("d1", { moduleId: "m1" }), entry("d1", { moduleId: "m2" })];
      expect(await app.hub.identities.bulk(owner, entries)).toEqual({
        isSuccessful: true,
        errors: [],
        warnings: [],
      });
    });

    it("R29 refuses a bulk call of 101, and takes one of 100", async () => {
      const entries = Array.from({ length: 101 }, (_, n) => entry(`d${n}`));
      expect(await refusalOf(app.hub.identities.bulk(owner, entries))).toBe(
        "400004 ArgumentInvalid",
      );
      expect((await app.hub.identities.bulk(owner, entries.slice(1))).isSuccessful).toBe(true);
    });

    it("applies the entries of a bulk call that can be, and names the others", async () => {
      await app.create({ deviceId: "there", moduleId: "m1" });
      const result = await app.hub.identities.bulk(owner, [
        entry("new"),
        entry("there", { moduleId: "m1" }),
        entry("gone", { importMode: "delete" }),
        entry("d1/m1"),
      ]);
      expect(result.isSuccessful).toBe(false);
      expect(result.errors).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ deviceId: "there", moduleId: "m1", errorCode: 409301 }),
          expect.objectContaining({ deviceId: "gone", errorCode: 404001 }),
          expect.objectContaining({ deviceId: "d1/m1", errorCode: 400004 }),
        ]),
      );
      expect((await app.hub.identities.get(owner, { deviceId: "new" })).body["status"]).toBe(
        "enabled",
      );
    });

    it.each([
      { what: "device", key: { deviceId: "d1" } },
      { what: "module", key: { deviceId: "d1", moduleId: "m1" } },
    ])(
      "creates a $what with its twin in a bulk call, and warns when the twin can't be",
      async ({ key }) => {
        if (key.moduleId !== undefined) await app.create({ deviceId: "d1" });
        const made = entry("d1", { moduleId: key.moduleId, tags: { a: 1 }, desired: { b: 2 } });
        expect((await app.hub.identities.bulk(owner, [made])).isSuccessful).toBe(true);
        expect((await app.hub.twins.get(owner, key)).body).toMatchObject({
          tags: { a: 1 },
          properties: { desired: { b: 2, $version: 2 } },
        });
        await app.hub.identities.delete(owner, key, anyEtag);
        const bad = entry("d1", { moduleId: key.moduleId, tags: { "a.b": 1 } });
        const warned = await app.hub.identities.bulk(owner, [bad]);
        expect(warned).toMatchObject({
          isSuccessful: true,
          warnings: [{ deviceId: "d1", warningCode: "DeviceRegisteredWithoutTwin" }],
        });
        expect((await app.hub.identities.get(owner, key)).body["deviceId"]).toBe("d1");
      },
    );

    it("R30 takes a page size outside 1 to 1000 for 1000", async () => {
      for (let start = 0; start < 1_100; start += 100) {
        await app.hub.identities.bulk(
          owner,
          Array.from({ length: 100 }, (_, n) => entry(`d${String(start + n).padStart(4, "0")}`)),
        );
      }
      for (const top of [0, -1, 5000, undefined]) {
        expect(await app.hub.identities.listDevices(owner, top)).toHaveLength(1000);
      }
      expect(
        (await app.hub.identities.listDevices(owner, 3)).map((device) => device["deviceId"]),
      ).toEqual(["d0000", "d0001", "d0002"]);
    });

    it("R32 counts devices by status, and no modules", async () => {
      for (const deviceId of ["d1", "d2", "d3"]) await app.create({ deviceId });
      await app.create({ deviceId: "d1", moduleId: "m1" });
      await app.setStatus("d3", "disabled");
      expect(await app.hub.identities.statistics(owner)).toMatchObject({
        total: 3,
        enabled: 2,
        disabled: 1,
      });
    });

    it.each(["primaryKey", "secondaryKey", "both"] as const)(
      "regenerates %s of devices and modules",
      async (which) => {
        const key = { deviceId: "d1", moduleId: "m1" };
        const old = await app.create(key);
        const done = await app.hub.identities.regenerateKeys(owner, which, [
          key,
          { deviceId: "nobody" },
        ]);
        const [rotated] = done.rotated;
        expect(rotated?.primaryKey === old.primary).toBe(which === "secondaryKey");
        expect(rotated?.secondaryKey === old.secondary).toBe(which === "primaryKey");
        expect(done.errors).toEqual([
          { key: { deviceId: "nobody" }, number: 404001, name: "DeviceNotFound" },
        ]);
      },
    );
  });
});
