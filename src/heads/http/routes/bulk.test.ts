import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HubUnderTest, startHubUnderTest } from "../../../../test/support/http-hub.ts";
import { bulkAnswer } from "../schemas/bulk.ts";

describe("bulk operations", () => {
  let hub: HubUnderTest;
  beforeAll(async () => void (hub = await startHubUnderTest()));
  afterAll(() => hub.stop());
  const bulk = (body: unknown) => hub.call("POST", "/devices/", { body });

  it("take devices and modules together, with and without a mode, in any case", async () => {
    const answer = await bulk([{ id: "b1", importMode: "Create" }, { id: "b2" }]);
    expect([answer.status, answer.body]).toEqual([
      200,
      { isSuccessful: true, errors: [], warnings: [] },
    ]);
    const modules = await bulk([
      { id: "b1", moduleId: "m1", importMode: "createOrUpdate", managedBy: "me" },
      { id: "b1", moduleId: "m2" },
    ]);
    expect(modules.status).toBe(200);
    expect((await hub.call("GET", "/devices/b1/modules/m1")).body.managedBy).toBe("me");
  });

  it("create a twin with its identity", async () => {
    const entry = {
      id: "t1",
      importMode: "create",
      tags: { a: 1 },
      properties: { desired: { b: 2 } },
    };
    const answer = await bulk([entry, { ...entry, id: "t2" }]);
    expect(answer.status).toBe(200);
    const twin = await hub.call("GET", "/twins/t1");
    expect([twin.body.tags, twin.body.properties.desired.b]).toEqual([{ a: 1 }, 2]);
  });

  it("that fail in part answer 400 with both headers, and apply the rest", async () => {
    await bulk([{ id: "p1" }]);
    const answer = await bulk([
      { id: "p1", importMode: "create" },
      { id: "p2", importMode: "create" },
      { id: "nobody", moduleId: "m", importMode: "create" },
    ]);
    expect(answer.status).toBe(400);
    expect(answer.headers["iothub-errorcode"]).toBe("BulkRegistryOperationFailure");
    expect(answer.headers["iothuberrorcode"]).toBe("BulkRegistryOperationFailure");
    const { isSuccessful, errors } = bulkAnswer.parse(answer.body);
    expect(isSuccessful).toBe(false);
    expect(
      errors.map(({ deviceId, errorCode, errorStatus }) => [deviceId, errorCode, errorStatus]),
    ).toEqual(
      expect.arrayContaining([
        ["p1", 409001, "DeviceAlreadyExists"],
        ["nobody", 404001, "DeviceNotFound"],
      ]),
    );
    expect((await hub.call("GET", "/devices/p2")).status).toBe(200);
  });

  it.each(["eTag", "etag"])("delete by %s, quoted or not", async (member) => {
    await bulk([{ id: "e1" }, { id: "e2" }, { id: "e3" }]);
    const etag = async (id: string) =>
      (await hub.call("GET", `/devices/${id}`)).body.etag as string;
    const mode = { importMode: "deleteIfMatchEtag" };
    const answer = await bulk([
      { id: "e1", ...mode, [member]: await etag("e1") },
      { id: "e2", ...mode, [member]: `"${await etag("e2")}"` },
      { id: "e3", ...mode, [member]: "MA==" },
    ]);
    expect(answer.body.errors.map(({ deviceId }: { deviceId: string }) => deviceId)).toEqual([
      "e3",
    ]);
    expect(answer.body.errors[0].errorStatus).toBe("PreconditionFailed");
  });

  it.each([
    ["an identity twice", [{ id: "a" }, { id: "a" }], "DeviceDefinedMultipleTimes"],
    [
      "more than 100 entries",
      Array.from({ length: 101 }, (_, i) => ({ id: `n${i}` })),
      "ArgumentInvalid",
    ],
    ["an object", {}, "IotHubFormatError"],
    ["an entry without id", [{ importMode: "create" }], "IotHubFormatError"],
    ["an unknown mode", [{ id: "a", importMode: "explode" }], "IotHubFormatError"],
    ["tags that are an array", [{ id: "a", tags: [] }], "IotHubFormatError"],
    ["no JSON", "[{", "IotHubFormatError"],
    ["no body", undefined, "ArgumentNull"],
  ])("refuse %s with 400 in the ordinary form", async (_what, body, name) => {
    const answer = await bulk(body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, name]);
    expect(answer.headers["iothuberrorcode"]).toBeUndefined();
    expect(answer.body.Message).toMatch(new RegExp(`^ErrorCode:${name};[^;]+$`));
  });

  it("name the member that does not fit", async () => {
    const answer = await bulk([
      { id: "a" },
      { id: "b", authentication: { symmetricKey: { primaryKey: 1 } } },
    ]);
    expect(answer.body.Message).toContain("'1.authentication.symmetricKey.primaryKey'");
  });

  it("take bodies far above the limit of a twin, and refuse those above their own", async () => {
    const value = "x".repeat(4_000);
    const tags = Object.fromEntries(["a", "b"].map((name) => [name, value]));
    const properties = {
      desired: Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, value])),
    };
    const large = await bulk(
      Array.from({ length: 50 }, (_, i) => ({ id: `l${i}`, tags, properties })),
    );
    expect([large.status, large.body.warnings]).toEqual([200, []]);
    const padded = await bulk(`[{"id":"a","pad":"${"x".repeat(8_388_608)}"}]`);
    expect([padded.status, padded.headers["iothub-errorcode"]]).toEqual([413, "MessageTooLarge"]);
  });
});
