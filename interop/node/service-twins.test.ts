import { describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { kinds, plain, register, registryOf, refusal } from "./support.ts";
import type { Json } from "./support.ts";

const hub = await hubOfFile();

describe.each(kinds)("the twin of a %s through azure-iothub", (kind) => {
  it("exists with its identity, empty, at version 2 and etag 1", async () => {
    const subject = await register(hub, kind);
    const twin = await subject.twin();
    expect(twin.etag).toBe("AAAAAAAAAAE=");
    expect(twin).toMatchObject({ deviceId: subject.deviceId, version: 2 });
    expect(twin.moduleId).toBe(subject.moduleId);
    expect(plain(twin.properties.desired)).toEqual({});
    expect(twin.properties.desired["$version"]).toBe(1);
    expect(twin.properties.reported["$version"]).toBe(1);
  });

  it("merges a patch, and null removes", async () => {
    const subject = await register(hub, kind);
    await subject.patch({
      tags: { site: { floor: 1, room: "a" } },
      properties: { desired: { climate: { min: 69, max: 77 }, list: [1, 2, 3] } },
    });
    const twin = await subject.patch({
      tags: { site: { room: null, wing: "west" } },
      properties: { desired: { climate: { max: 80 }, list: [4] } },
    });
    expect(twin.tags).toEqual({ site: { floor: 1, wing: "west" } });
    expect(plain(twin.properties.desired)).toEqual({ climate: { min: 69, max: 80 }, list: [4] });
    expect(twin.properties.desired["$version"]).toBe(3);
    expect(plain((await subject.desired(null)).properties.desired)).toEqual({});
  });

  it("says when each desired property was last written, and by which version", async () => {
    const subject = await register(hub, kind);
    await subject.desired({ a: 1, group: { b: 1, c: 1 } });
    const { properties } = await subject.desired({ group: { c: 2 } });
    expect(properties.desired["$metadata"]).toMatchObject({
      $lastUpdatedVersion: 3,
      a: { $lastUpdatedVersion: 2 },
      group: {
        $lastUpdatedVersion: 3,
        b: { $lastUpdatedVersion: 2 },
        c: { $lastUpdatedVersion: 3 },
      },
    });
  });

  it("takes a patch with the etag that was read and refuses a stale one as InvalidEtagError", async () => {
    const subject = await register(hub, kind);
    const { etag } = await subject.twin();
    const changed = await subject.patch({ tags: { a: 1 } }, etag);
    expect(changed.etag).toBe("AAAAAAAAAAI=");
    await expect(subject.patch({ tags: { a: 2 } }, etag)).rejects.toMatchObject({
      name: "InvalidEtagError",
      response: { statusCode: 412 },
    });
    expect((await subject.twin()).tags).toEqual({ a: 1 });
  });

  it("leaves desired and its version alone when only tags change", async () => {
    const subject = await register(hub, kind);
    await subject.desired({ a: 1 });
    const { properties } = await subject.patch({ tags: { b: 1 } });
    expect(properties.desired["$version"]).toBe(2);
  });

  it("can be changed through the Twin object that was read", async () => {
    const subject = await register(hub, kind);
    const twin = await subject.twin();
    await twin.update({ properties: { desired: { speed: 3 } } });
    expect(plain(twin.properties.desired)).toEqual({ speed: 3 });
    expect((await subject.twin()).etag).toBe(twin.etag);
  });

  it("ignores what a service may not write: reported properties and identity members", async () => {
    const subject = await register(hub, kind);
    const twin = await subject.patch({
      connectionState: "Connected",
      version: 99,
      properties: { reported: { forged: true }, desired: { a: 1, $version: 7 } },
    });
    expect(plain(twin.properties.reported)).toEqual({});
    expect(twin.properties.desired["$version"]).toBe(2);
    expect(twin).toMatchObject({ connectionState: "Disconnected", version: 3 });
  });

  it("is replaced by PUT: what is not named goes, reported properties stay", async () => {
    const subject = await register(hub, kind);
    await subject.patch({ tags: { a: 1, b: 1 }, properties: { desired: { c: 1, d: { e: 1 } } } });
    const { etag } = await subject.twin();
    const path = `/twins${subject.path.slice("/devices".length)}`;
    const body = { tags: { b: 2 }, properties: { desired: { d: { f: 2 } } } };
    const replaced = await hub.call("PUT", path, body, { "if-match": `"${etag}"` });
    expect(replaced.status).toBe(200);
    const twin = replaced.body as { tags: Json; etag: string; properties: { desired: Json } };
    expect(twin.tags).toEqual({ b: 2 });
    expect(plain(twin.properties.desired)).toEqual({ d: { f: 2 } });
    expect(replaced.headers["etag"]).toBe(`"${twin.etag}"`);

    const stale = await hub.call("PUT", path, body, { "if-match": `"${etag}"` });
    expect(stale).toMatchObject(refusal(412, "PreconditionFailed"));
    const withNull = await hub.call("PUT", path, { tags: { a: null } });
    expect(withNull).toMatchObject(refusal(400, "ArgumentInvalid"));
  });

  it.each([
    ["a key with a dot", { "a.b": 1 }],
    ["a key with a dollar sign", { group: { $a: 1 } }],
    ["an integer beyond 2^52", { a: 4_503_599_627_370_496 }],
    ["a string above 4096 bytes", { a: "x".repeat(4097) }],
    ["null in an array", { a: [null] }],
  ])("refuses %s as ArgumentError and stays as it was", async (_what, desired) => {
    const subject = await register(hub, kind);
    await expect(subject.desired(desired)).rejects.toMatchObject({ name: "ArgumentError" });
    expect((await subject.twin()).etag).toBe("AAAAAAAAAAE=");
  });

  it("refuses desired properties of 32 KiB or more with 403", async () => {
    const subject = await register(hub, kind);
    const text = "x".repeat(4095);
    const desired = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`${index}`, text]));
    await expect(subject.desired(desired)).rejects.toMatchObject({
      response: { statusCode: 403 },
    });
  });

  it("keeps strings as they came, dates too, and numbers by value", async () => {
    const subject = await register(hub, kind);
    const desired = {
      date: "2023-01-31T10:37:08.4599400",
      text: 'quote " ; é 漢 \u{1f600}',
      half: 0.5,
    };
    await subject.desired(desired);
    expect(plain((await subject.twin()).properties.desired)).toEqual(desired);
  });
});

describe("the twin of a module", () => {
  it("is apart from its device's and its siblings'", async () => {
    const subject = await register(hub, "module");
    const registry = registryOf(hub);
    await registry.addModule({ deviceId: subject.deviceId, moduleId: "sibling" });
    await subject.patch({ tags: { mine: 1 }, properties: { desired: { mine: 1 } } });
    const device = (await registry.getTwin(subject.deviceId)).responseBody;
    const sibling = (await registry.getModuleTwin(subject.deviceId, "sibling")).responseBody;
    for (const other of [device, sibling]) {
      expect(other.etag).toBe("AAAAAAAAAAE=");
      expect(plain(other.properties.desired)).toEqual({});
    }
  });

  it("of a missing module is 404 ModuleNotFound", async () => {
    const subject = await register(hub, "device");
    expect(await hub.call("GET", `/twins/${subject.deviceId}/modules/none`)).toMatchObject(
      refusal(404, "ModuleNotFound"),
    );
  });
});
