import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import { makeCertificate } from "../support/certificates.ts";
import { AppHub, RecordingLink, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

describe.each(storeKinds)("On the %s store", (kind) => {
  let app: AppHub;
  beforeEach(async () => {
    app = await AppHub.start(kind);
  });
  afterEach(() => app.stop());

  const subjects = [
    { what: "A device", key: { deviceId: "d1" } as IdentityKey },
    { what: "A module", key: { deviceId: "d1", moduleId: "m1" } as IdentityKey },
  ];

  describe.each(subjects)("$what that is connected", ({ key }) => {
    async function connected() {
      const keys = await app.create(key);
      return { keys, ...(await app.connect(key, keys.primary)) };
    }

    it("A21 A23 is cut when its device is disabled, and refused until it is enabled again", async () => {
      const { keys, link } = await connected();
      await app.setStatus("d1", "disabled");
      await vi.waitFor(() => expect(link.closed).toEqual(["identityDisabled"]));
      expect(await refusalOf(app.prove(key, keys.primary))).toBe("403012 DeviceDisabled");
      await app.setStatus("d1", "enabled");
      expect((await app.prove(key, keys.primary)).key).toEqual(key);
    });

    it("A22 is cut when its device is deleted, and refused", async () => {
      const { keys, link } = await connected();
      await app.hub.identities.delete(owner, { deviceId: "d1" }, anyEtag);
      await vi.waitFor(() => expect(link.closed).toEqual(["identityDeleted"]));
      expect(await refusalOf(app.prove(key, keys.primary))).toBe("401002 IotHubUnauthorizedAccess");
    });

    it("A35 is cut when the key that it came with is gone, and not when the other one is", async () => {
      const { link } = await connected();
      await app.hub.identities.regenerateKeys(owner, "secondaryKey", [key]);
      await app.hub.identities.regenerateKeys(owner, "primaryKey", [key]);
      await vi.waitFor(() => expect(link.closed).toEqual(["credentialsChanged"]));
      const [ended] = await app.hub.connections.ended(owner);
      expect(ended).toMatchObject({ key, reason: "credentialsChanged" });
    });

    it("is cut when the CA that signed its certificate is deleted, and not when another one is", async () => {
      await app.create(key);
      const around = (hours: number): Date => new Date(app.clock.now() + hours * 3_600_000);
      const validity = { notBefore: around(-1), notAfter: around(1) };
      const [plant, other] = ["plant", "other"].map((name) =>
        makeCertificate(name, { authority: true, ...validity }),
      );
      for (const authority of [plant, other]) {
        if (authority === undefined) throw new Error("no certificate");
        const input = { certificate: authority.certPem, isVerified: true };
        await app.hub.certificates.put(owner, authority.commonName, input, noPrecondition);
      }
      const input = { authentication: { type: "certificateAuthority" } } as const;
      const { deviceId, moduleId } = key;
      if (moduleId === undefined)
        await app.hub.identities.putDevice(owner, deviceId, input, anyEtag);
      else await app.hub.identities.putModule(owner, { deviceId, moduleId }, input, anyEtag);
      const commonName = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
      const own = makeCertificate(commonName, { issuer: plant, ...validity });
      const principal = await app.hub.auth.identity({
        key,
        credential: { kind: "certificate", certificate: { chain: [own.der] } },
      });
      const link = new RecordingLink();
      const open = await app.hub.connections.open(principal, link, { clean: false });
      link.onClose = (reason) => open.ended(reason);
      await app.hub.certificates.delete(owner, "other", anyEtag);
      await app.hub.certificates.delete(owner, "plant", anyEtag);
      await vi.waitFor(() => expect(link.closed).toEqual(["credentialsChanged"]));
      expect(
        await refusalOf(app.hub.connections.open(principal, new RecordingLink(), { clean: false })),
      ).toBe("401002 IotHubUnauthorizedAccess");
    });

    it("A33 gives way to a newer connection of itself", async () => {
      const first = await connected();
      const second = await app.connect(key, first.keys.secondary);
      expect(first.link.closed).toEqual(["newerConnection"]);
      expect(second.link.closed).toEqual([]);
      // The end of the older one does not make the identity disconnected.
      const document = await app.hub.identities.get(owner, key);
      expect(document.body["connectionState"]).toBe("Connected");
      second.open.ended("clientDisconnected");
      await vi.waitFor(async () => {
        const after = await app.hub.identities.get(owner, key);
        expect(after.body["connectionState"]).toBe("Disconnected");
      });
    });

    it("shows in identity and twin at once, and in nobody else's", async () => {
      await connected();
      const other =
        key.moduleId === undefined ? { deviceId: "d1", moduleId: "m9" } : { deviceId: "d1" };
      if (other.moduleId !== undefined) await app.create(other);
      expect((await app.hub.twins.get(owner, key)).body["connectionState"]).toBe("Connected");
      expect((await app.hub.twins.get(owner, other)).body["connectionState"]).toBe("Disconnected");
      expect(await app.hub.connections.list(owner, null, 10)).toMatchObject([
        { key, protocol: "mqtt" },
      ]);
    });

    it("N07 N08 hears of its own desired changes only, in the order of their versions", async () => {
      const { link } = await connected();
      const sibling = { deviceId: "d1", moduleId: "m2" };
      await app.create(sibling);
      const other = key.moduleId === undefined ? sibling : { deviceId: "d1" };
      await Promise.all([
        app.hub.twins.patch(owner, key, { properties: { desired: { a: 1 } } }, noPrecondition),
        app.hub.twins.patch(owner, other, { properties: { desired: { x: 1 } } }, noPrecondition),
        app.hub.twins.patch(owner, key, { properties: { desired: { b: 2 } } }, noPrecondition),
        app.hub.twins.patch(owner, key, { tags: { t: 1 } }, noPrecondition),
        app.hub.twins.patch(owner, key, { properties: { desired: { a: null } } }, noPrecondition),
      ]);
      await vi.waitFor(() =>
        expect(link.desired).toEqual([
          { change: { a: 1 }, version: 2 },
          { change: { b: 2 }, version: 3 },
          { change: { a: null }, version: 4 },
        ]),
      );
    });

    it("writes nothing into the twin of a later identity with its name", async () => {
      const { principal } = await connected();
      await app.hub.identities.delete(owner, { deviceId: "d1" }, anyEtag);
      await app.create(key);
      const refused = await refusalOf(app.hub.twins.updateReported(principal, { ghost: true }));
      expect(refused).toMatch(/^4040(01 DeviceNotFound|10 ModuleNotFound)$/);
      expect((await app.hub.twins.get(owner, key)).body["version"]).toBe(2);
    });

    it("stamps its messages, and its activity", async () => {
      const { principal } = await connected();
      const message = { body: Buffer.from("{}"), system: {}, application: new Map([["a", "b"]]) };
      expect((await app.hub.twins.get(owner, key)).body["lastActivityTime"]).toBe(
        "0001-01-01T00:00:00Z",
      );
      await app.hub.telemetry.send(principal, message);
      const [partition] = (await app.hub.events.partitions(owner)).filter(
        (p) => p.lastSequenceNumber > 0,
      );
      const [logged] = await app.hub.events.read(owner, partition?.partition ?? 0, 1, 10);
      expect(logged?.message).toMatchObject({
        key,
        source: "Telemetry",
        generationId: principal.generationId,
        application: [["a", "b"]],
        authMethod: JSON.stringify({
          scope: key.moduleId === undefined ? "device" : "module",
          type: "sas",
          issuer: "iothub",
          acceptingIpFilterRule: null,
        }),
      });
      expect((await app.hub.twins.get(owner, key)).body["lastActivityTime"]).not.toBe(
        "0001-01-01T00:00:00Z",
      );
    });
  });

  describe.each(subjects)("$what's twin", ({ key }) => {
    it("T38 is patched with its etag, a star or none, and not with an older or malformed one", async () => {
      await app.create(key);
      const { etag } = await app.hub.twins.get(owner, key);
      const patch = (precondition: Parameters<typeof app.hub.twins.patch>[3]) =>
        app.hub.twins.patch(owner, key, { tags: { n: 1 } }, precondition);
      const after = await patch({ kind: "etag", etag });
      expect(after.etag).not.toBe(etag);
      expect(await refusalOf(patch({ kind: "etag", etag }))).toBe("412001 PreconditionFailed");
      expect(await refusalOf(patch({ kind: "etag", etag: "abc" }))).toBe(
        "412001 PreconditionFailed",
      );
      expect((await patch(anyEtag)).body["version"]).toBe(4);
      expect((await patch(noPrecondition)).body["version"]).toBe(5);
    });

    it("T49 keeps all of 100 patches at once, each told once and in order", async () => {
      const keys = await app.create(key);
      const { link } = await app.connect(key, keys.primary);
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          app.hub.twins.patch(
            owner,
            key,
            { properties: { desired: { [`p${n}`]: n } } },
            noPrecondition,
          ),
        ),
      );
      const { properties } = (await app.hub.twins.get(owner, key)).body as {
        properties: { desired: Record<string, unknown> };
      };
      expect(Object.keys(properties.desired).filter((name) => name.startsWith("p"))).toHaveLength(
        100,
      );
      await vi.waitFor(() =>
        expect(link.desired.map(({ version }) => version)).toEqual(
          Array.from({ length: 100 }, (_, n) => n + 2),
        ),
      );
    });

    it("T50 takes one of ten patches with the same etag", async () => {
      await app.create(key);
      const { etag } = await app.hub.twins.get(owner, key);
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          app.hub.twins.patch(owner, key, { tags: { n } }, { kind: "etag", etag }),
        ),
      );
      expect(results.map(({ status }) => status).toSorted()).toEqual([
        "fulfilled",
        ...Array.from({ length: 9 }, () => "rejected"),
      ]);
    });

    it("N05 N06 shows what was written while nobody was connected", async () => {
      const keys = await app.create(key);
      await app.hub.twins.patch(owner, key, { properties: { desired: { a: 1 } } }, noPrecondition);
      await app.hub.twins.patch(owner, key, { properties: { desired: { b: 2 } } }, noPrecondition);
      const { principal, link } = await app.connect(key, keys.primary);
      expect(JSON.parse(await app.hub.twins.ownTwin(principal))).toEqual({
        desired: { a: 1, b: 2, $version: 3 },
        reported: { $version: 1 },
      });
      expect(link.desired).toEqual([]);
    });
  });

  describe("The twin of nobody", () => {
    it("T46 is not found: an unknown module of a device, or an unknown device", async () => {
      await app.create({ deviceId: "d1" });
      const patch = (deviceId: string) =>
        app.hub.twins.patch(
          owner,
          { deviceId, moduleId: "nope" },
          { tags: { a: 1 } },
          noPrecondition,
        );
      expect(await refusalOf(patch("d1"))).toBe("404010 ModuleNotFound");
      expect(await refusalOf(patch("nobody"))).toBe("404001 DeviceNotFound");
    });
  });
});
