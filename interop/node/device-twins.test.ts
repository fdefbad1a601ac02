import { describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import {
  kinds,
  openClient,
  plain,
  protocols,
  register,
  report,
  subjectOf,
  watch,
} from "./support.ts";
import type { Json } from "./support.ts";

const hub = await hubOfFile();

const cases = kinds.flatMap((kind) => protocols.map((protocol) => ({ kind, protocol })));

describe.each(cases)("desired properties of a $kind over $protocol", ({ kind, protocol }) => {
  it("are told as exactly what was patched, with the new $version, in order", async () => {
    const subject = await register(hub, kind);
    await subject.desired({ before: true });
    const client = await openClient(hub, subject, { protocol });
    const { twin, changes } = await watch(client);
    expect(twin.properties.desired).toEqual({ before: true, $version: 2 });

    await subject.desired({ climate: { min: 69, max: 77 } });
    await subject.patch({ tags: { room: "a" } });
    await subject.desired({ climate: { max: 80 } });
    await subject.desired({ climate: { max: 80 } });
    await subject.desired({ climate: { min: null }, list: [1, { a: [] }] });
    expect(await changes.next()).toEqual({ climate: { min: 69, max: 77 }, $version: 3 });
    expect(await changes.next()).toEqual({ climate: { max: 80 }, $version: 4 });
    expect(await changes.next()).toEqual({ climate: { max: 80 }, $version: 5 });
    expect(await changes.next()).toEqual({
      climate: { min: null },
      list: [1, { a: [] }],
      $version: 6,
    });
    expect(changes.all).toHaveLength(4);
    expect(twin.properties.desired).toEqual({
      before: true,
      climate: { max: 80 },
      list: [1, { a: [] }],
      $version: 6,
    });
  });

  it("are told for one group and one value alone", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    const { changes: groups } = await watch(client, "properties.desired.climate");
    const { changes: values } = await watch(client, "properties.desired.climate.max");
    await subject.desired({ other: 1 });
    await subject.desired({ climate: { min: 69 } });
    await subject.desired({ climate: { max: 80 } });
    expect(await values.next()).toBe(80);
    expect(groups.all).toEqual([{ min: 69 }, { max: 80 }]);
  });

  it("are told after a replacement as new values and nulls", async () => {
    const subject = await register(hub, kind);
    await subject.desired({ a: 1, b: 2, group: { x: 1, y: 2 } });
    const { changes } = await watch(await openClient(hub, subject, { protocol }));
    const path = `/twins${subject.path.slice("/devices".length)}`;
    const desired = { a: 1, c: 3, group: { x: 1 } };
    expect((await hub.call("PUT", path, { properties: { desired } })).status).toBe(200);
    expect(await changes.next()).toEqual({
      a: 1,
      b: null,
      c: 3,
      group: { x: 1, y: null },
      $version: 3,
    });
  });

  it("become null one by one when all of them are removed", async () => {
    const subject = await register(hub, kind);
    await subject.desired({ foo: 1, bar: { baz: 2 } });
    const { twin, changes } = await watch(await openClient(hub, subject, { protocol }));
    await subject.desired(null);
    expect(await changes.next()).toEqual({ foo: null, bar: null, $version: 3 });
    expect(plain(twin.properties.desired)).toEqual({});
  });
});

describe.each(cases)("reported properties of a $kind over $protocol", ({ kind, protocol }) => {
  it("are merged, null deletes, arrays replace, and the service sees them at once", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    const twin = await client.getTwin();
    expect(twin.properties.reported["$version"]).toBe(1);

    await report(twin, {
      firmware: "1.0",
      weather: { temperature: 72, humidity: 41 },
      list: [1, 2],
    });
    expect(await reportedOf(subject)).toEqual({
      firmware: "1.0",
      weather: { temperature: 72, humidity: 41 },
      list: [1, 2],
      $version: 2,
    });
    await report(twin, { firmware: null, weather: { humidity: null, wind: 3 }, list: [["a"], {}] });
    expect(await reportedOf(subject)).toEqual({
      weather: { temperature: 72, wind: 3 },
      list: [["a"], {}],
      $version: 3,
    });
  });

  it("do not disturb the service's etag", async () => {
    const subject = await register(hub, kind);
    const { etag } = await subject.twin();
    const twin = await (await openClient(hub, subject, { protocol })).getTwin();
    await report(twin, { a: 1 });
    const changed = await subject.patch({ tags: { b: 1 } }, etag);
    expect(changed).toMatchObject({ etag: "AAAAAAAAAAI=", version: 4 });
  });

  it.each([
    ["a key that starts with a dollar sign", { good: 1, $bad: 2 }],
    ["a key with a dot", { good: 1, "a.b": 2 }],
    ["a key with a space", { "a b": 2 }],
    ["an integer beyond 2^52", { a: -4_503_599_627_370_497 }],
    ["a string above 4096 bytes", { a: "x".repeat(4097) }],
    ["eleven levels", nested(11)],
    ["null in an array", { a: [1, null] }],
  ])("with %s are an error, and nothing of them is stored", async (_what, properties) => {
    const subject = await register(hub, kind);
    const twin = await (await openClient(hub, subject, { protocol })).getTwin();
    await expect(report(twin, properties)).rejects.toThrow(/./);
    expect(await reportedOf(subject)).toEqual({ $version: 1 });
    await report(twin, { good: 1 });
    expect(await reportedOf(subject)).toEqual({ good: 1, $version: 2 });
  });

  it("of 32 KiB or more are an error that names the limit", async () => {
    const subject = await register(hub, kind);
    const twin = await (await openClient(hub, subject, { protocol })).getTwin();
    const text = "x".repeat(4095);
    const properties = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`${index}`, text]),
    );
    await expect(report(twin, properties)).rejects.toThrow("32768");
    expect(await reportedOf(subject)).toEqual({ $version: 1 });
  });
});

describe.each(kinds)("the twin that a %s reads", (kind) => {
  it("holds desired and reported properties and nothing else", async () => {
    const subject = await register(hub, kind);
    await subject.patch({ tags: { secret: 1 }, properties: { desired: { a: 1 } } });
    const twin = await (await openClient(hub, subject)).getTwin();
    await report(twin, { b: 2 });
    await twin.get();
    expect(JSON.parse(JSON.stringify(twin.properties))).toEqual({
      desired: { a: 1, $version: 2 },
      reported: { b: 2, $version: 2 },
    });
  });
});

describe("a device and its modules", () => {
  it("do not hear of each other's desired changes", async () => {
    const module = await register(hub, "module");
    const device = await subjectOf(hub, module.deviceId, undefined);
    const ofModule = await watch(await openClient(hub, module));
    const ofDevice = await watch(await openClient(hub, device));
    await device.desired({ forDevice: 1 });
    await module.desired({ forModule: 1 });
    await device.desired({ forDevice: 2 });
    expect(await ofModule.changes.next()).toEqual({ forModule: 1, $version: 2 });
    expect(await ofDevice.changes.next()).toEqual({ forDevice: 1, $version: 2 });
    expect(await ofDevice.changes.next()).toEqual({ forDevice: 2, $version: 3 });
    expect(ofModule.changes.all).toHaveLength(1);
  });
});

async function reportedOf(subject: {
  twin(): Promise<{ properties: { reported: Json } }>;
}): Promise<Json> {
  const { reported } = (await subject.twin()).properties;
  return Object.fromEntries(Object.entries(reported).filter(([key]) => key !== "$metadata"));
}

/** `levels` objects within each other, keys included. */
function nested(levels: number): object {
  let value: object = {};
  for (let level = 0; level < levels; level++) value = { level: value };
  return value;
}
