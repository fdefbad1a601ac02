import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HubUnderTest, startHubUnderTest } from "../../../../test/support/http-hub.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
});
afterAll(() => hub.stop());

const path = "/$hub/consumer-groups";

async function names(): Promise<string[]> {
  const { body } = await hub.call("GET", path);
  return (body as { name: string }[]).map(({ name }) => name);
}

describe("consumer groups", () => {
  it("begin with $Default, which stays", async () => {
    const { body } = await hub.call("GET", path);
    expect(body).toEqual([{ name: "$Default", createdTime: expect.stringMatching(/Z$/) }]);
    const refused = await hub.call("DELETE", `${path}/$default`);
    expect([refused.status, refused.headers["iothub-errorcode"]]).toEqual([
      400,
      "InvalidOperation",
    ]);
  });

  it("are made once, found in any case, and deleted", async () => {
    const made = await hub.call("PUT", `${path}/Analytics`);
    expect([made.status, made.body.name]).toEqual([200, "Analytics"]);
    expect((await hub.call("PUT", `${path}/analytics`)).body).toEqual(made.body);
    expect(await names()).toEqual(["$Default", "Analytics"]);
    expect((await hub.call("DELETE", `${path}/ANALYTICS`)).status).toBe(204);
    expect((await hub.call("DELETE", `${path}/analytics`)).status).toBe(404);
    expect(await names()).toEqual(["$Default"]);
  });

  it("belong to the event log of an endpoint if it is named", async () => {
    await hub.call("PUT", "/$hub/endpoints/alarms", { body: { type: "log" } });
    const query = "?endpoint=alarms";
    expect((await hub.call("PUT", `${path}/own${query}`)).status).toBe(200);
    const { body } = await hub.call("GET", path + query);
    expect(body.map(({ name }: { name: string }) => name)).toEqual(["$Default", "own"]);
    expect(await names()).toEqual(["$Default"]);
    expect((await hub.call("DELETE", `${path}/own${query}`)).status).toBe(204);
    expect((await hub.call("GET", `${path}?endpoint=other`)).status).toBe(404);
  });

  it.each(["-a", "a-", "a b", "x".repeat(51), "$Other"])("may not be called '%s'", async (name) => {
    const { status } = await hub.call("PUT", `${path}/${encodeURIComponent(name)}`);
    expect(status).toBe(400);
  });

  it("are 20 at the most", async () => {
    for (let index = 1; index < 20; index++)
      expect((await hub.call("PUT", `${path}/g${index}`)).status).toBe(200);
    expect((await hub.call("PUT", `${path}/one-more`)).status).toBe(400);
    expect(await names()).toHaveLength(20);
  });

  it("are read by services and changed by owners alone", async () => {
    const asService = { policy: "service" } as const;
    expect((await hub.call("GET", path, asService)).status).toBe(200);
    expect((await hub.call("PUT", `${path}/g1`, asService)).status).toBe(401);
    expect((await hub.call("DELETE", `${path}/g1`, asService)).status).toBe(401);
    expect((await hub.call("GET", path, { policy: "registryRead" })).status).toBe(401);
  });
});
