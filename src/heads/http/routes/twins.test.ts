import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type HubUnderTest, startHubUnderTest } from "../../../../test/support/http-hub.ts";
import { twinDocument } from "../schemas/twin.ts";

describe.each([
  { kind: "device", path: "/twins/d1", encoded: "/twins%2Fd1" },
  { kind: "module", path: "/twins/d1/modules/m1", encoded: "/twins%2Fd1%2Fmodules%2Fm1" },
])("the twin of a $kind", ({ kind, path, encoded }) => {
  let hub: HubUnderTest;
  beforeAll(async () => void (hub = await startHubUnderTest()));
  afterAll(() => hub.stop());
  beforeEach(async () => {
    await hub.call("DELETE", "/devices/d1");
    await hub.call("PUT", "/devices/d1", { body: {} });
    await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
  });

  it("is new with etag 1 and version 2, and names a module only if it is one's", async () => {
    const answer = await hub.call("GET", path);
    expect(answer.status).toBe(200);
    expect(answer.headers.etag).toBe('"AAAAAAAAAAE="');
    const twin = twinDocument.strict().parse(answer.body);
    expect([twin.etag, twin.version, twin.moduleId]).toEqual([
      "AAAAAAAAAAE=",
      2,
      kind === "module" ? "m1" : undefined,
    ]);
    expect("tags" in answer.body).toBe(false);
  });

  it("is patched as the how-to does: read, patch with its etag, and 412 with the old one", async () => {
    const patch = {
      headers: { "if-match": '"AAAAAAAAAAE="' },
      body: '{"properties":{"desired":{"climate":{"minTemperature":69,"maxTemperature":77}}}}',
    };
    const first = await hub.call("PATCH", path, patch);
    expect([first.status, first.headers.etag, first.body.version]).toEqual([
      200,
      '"AAAAAAAAAAI="',
      3,
    ]);
    expect(first.body.properties.desired.$version).toBe(2);
    expect(first.body.properties.desired.climate).toEqual({
      minTemperature: 69,
      maxTemperature: 77,
    });
    twinDocument.strict().parse(first.body);
    const second = await hub.call("PATCH", path, patch);
    expect([second.status, second.headers["iothub-errorcode"]]).toEqual([
      412,
      "PreconditionFailed",
    ]);
  });

  it("is patched by Java's POST with a method override, whose etag has no quotes", async () => {
    const answer = await hub.call("POST", path, {
      headers: { "x-http-method-override": "PATCH", "if-match": "AAAAAAAAAAE=" },
      body: { tags: { site: "a" } },
    });
    expect([answer.status, answer.body.tags]).toEqual([200, { site: "a" }]);
  });

  it.each(["DELETE", "PUT", "GET"])(
    "is not reached by a POST that pretends to be %s",
    async (method) => {
      const answer = await hub.call("POST", path, {
        headers: { "x-http-method-override": method },
        body: { tags: { site: "a" } },
      });
      expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([
        405,
        "GenericMethodNotAllowed",
      ]);
      expect(answer.headers.allow).toContain("PATCH");
    },
  );

  it("is replaced by the bodies of Python and the CLI", async () => {
    await hub.call("PATCH", path, {
      body: { tags: { old: 1 }, properties: { desired: { old: 1 } } },
    });
    const python = await hub.call("PUT", path, {
      headers: { "if-match": '"*"' },
      body: '{"tags":{"a":1},"properties":{"desired":{"x":1}}}',
    });
    expect([python.status, python.body.tags, python.body.properties.desired.old]).toEqual([
      200,
      { a: 1 },
      undefined,
    ]);
    const cli = await hub.call("PUT", path, {
      headers: { "if-match": '"*"' },
      body: '{"tags":{},"properties":{"desired":{"q":2}}}',
    });
    expect([cli.status, cli.body.tags, cli.body.properties.desired.q]).toEqual([200, undefined, 2]);
  });

  it("takes back the whole document that was read, ignoring what a service can't write", async () => {
    const { body } = await hub.call("GET", path);
    const whole = {
      ...body,
      tags: { a: 1 },
      version: 99,
      properties: { ...body.properties, reported: { x: 1 } },
    };
    const answer = await hub.call("PATCH", encoded, { body: whole });
    expect([answer.status, answer.body.tags, answer.body.version]).toEqual([200, { a: 1 }, 3]);
    expect(answer.body.properties.reported.x).toBeUndefined();
  });

  it("keeps keys that only JavaScript thinks special, in answers too", async () => {
    const body = '{"properties":{"desired":{"__proto__":{"a":1},"constructor":2}}}';
    const answer = await hub.call("PATCH", path, { body });
    expect(answer.text).toContain('"__proto__":{"a":1},"constructor":2');
  });

  it.each(["application/json", "text/plain", "application/octet-stream", "not a media type", ""])(
    "is patched whatever the media type says: %s",
    async (type) => {
      const answer = await hub.call("PATCH", path, {
        headers: type === "" ? {} : { "content-type": type },
        body: '{"tags":{"a":1}}',
      });
      expect(answer.status).toBe(200);
    },
  );

  it.each([
    ["no JSON", '{"tags":', "ArgumentInvalid"],
    ["an array", "[]", "ArgumentInvalid"],
    ["a string", '"tags"', "ArgumentInvalid"],
    ["null", "null", "ArgumentInvalid"],
    ["an integer out of bounds", '{"tags":{"a":9007199254740993}}', "ArgumentInvalid"],
    ["a forbidden key", '{"tags":{"a.b":1}}', "ArgumentInvalid"],
    ["nothing", "", "ArgumentNull"],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "IotHubFormatError"],
    ["brackets without end", "[".repeat(100_000), "ArgumentInvalid"],
    ["deep nesting", `{"tags":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`, "ArgumentInvalid"],
  ])("refuses %s with 400 and stays as it was", async (_what, body, name) => {
    const answer = await hub.call("PATCH", path, { body });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, name]);
    expect(answer.body.Message).toMatch(/^ErrorCode:\w+;[^;]+$/);
    expect((await hub.call("GET", path)).body.version).toBe(2);
  });

  it("refuses a body above 128 KiB with 413, announced or not", async () => {
    const body = `{"tags":{"a":"${"x".repeat(131_072)}"}}`;
    const announced = await hub.call("PATCH", path, { body });
    const chunked = await hub.call("PATCH", path, {
      body,
      headers: { "transfer-encoding": "chunked" },
    });
    for (const answer of [announced, chunked]) {
      expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([413, "MessageTooLarge"]);
    }
  });

  it("of one that is unknown gives 404", async () => {
    await hub.call("DELETE", path.replace("twins", "devices"));
    const answer = await hub.call("GET", path);
    const name = kind === "module" ? "ModuleNotFound" : "DeviceNotFound";
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([404, name]);
  });

  it("of a device is not found below an unknown device", async () => {
    const answer = await hub.call("PATCH", path.replace("d1", "d2"), { body: { tags: { a: 1 } } });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([404, "DeviceNotFound"]);
  });

  it("needs ServiceConnect: the registry's policies do not suffice", async () => {
    for (const policy of ["registryReadWrite", "registryRead", "device"]) {
      const answer = await hub.call("GET", path, { policy });
      expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([
        401,
        "IotHubUnauthorizedAccess",
      ]);
    }
    expect((await hub.call("GET", path, { policy: "service" })).status).toBe(200);
  });
});
