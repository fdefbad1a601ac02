import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type HubUnderTest, startHubUnderTest } from "../../../../test/support/http-hub.ts";
import { configurationDocument } from "../schemas/configurations.ts";
import { jobDocument } from "../schemas/jobs.ts";
import { transferDocument } from "../schemas/transfers.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
  for (const path of ["/devices/d1", "/devices/d1/modules/m1"])
    await hub.call("PUT", path, { body: {} });
});
afterAll(() => hub.stop());

const version = "api-version=2021-04-12";

describe.each([
  ["devices", "*"],
  ["modules", "from devices.modules"],
])("jobs over %s", (what, queryCondition) => {
  it("are answered as JobResponse, listed as a bare array with their type and continuation", async () => {
    const body = {
      type: "scheduleUpdateTwin",
      updateTwin: { etag: "*", tags: { a: 1 } },
      queryCondition,
      startTime: null,
    };
    for (const id of ["a", "b"]) {
      const made = await hub.call("PUT", `/jobs/v2/${what}-${id}`, { body, policy: "service" });
      expect(made.status).toBe(200);
      expect(jobDocument.strict().parse(made.body)).toMatchObject({ status: "queued" });
    }
    const done = await vi.waitFor(async () => {
      const { body: job } = await hub.call("GET", `/jobs/v2/${what}-a`);
      expect(job.status).toBe("completed");
      return job;
    });
    expect(jobDocument.strict().parse(done).deviceJobStatistics.succeededCount).toBe(1);
    const headers = { "x-ms-max-item-count": "1" };
    const list = `/jobs/v2/query?${version}&jobType=scheduleTwinUpdate&jobStatus=`;
    const page = await hub.call("GET", list, { headers });
    expect([page.headers["x-ms-item-type"], page.body.length]).toEqual(["JobResponse", 1]);
    const continuation = String(page.headers["x-ms-continuation"]);
    const all = { headers: { "x-ms-continuation": continuation } };
    const rest = await hub.call("GET", list, all);
    expect(rest.headers["x-ms-continuation"]).toBeUndefined();
    expect(rest.body[0].jobId).not.toBe(page.body[0].jobId);
    const again = await hub.call("POST", `/jobs/v2/${what}-a/cancel`);
    expect([again.status, again.headers["iothub-errorcode"]]).toEqual([400, "InvalidOperation"]);
  });
});

describe("jobs", () => {
  it("are refused as what they lack", async () => {
    const missing = await hub.call("GET", "/jobs/v2/nobody");
    expect([missing.status, missing.headers["iothub-errorcode"]]).toEqual([404, "JobNotFound"]);
    const empty = await hub.call("PUT", "/jobs/v2/x");
    expect([empty.status, empty.headers["iothub-errorcode"]]).toEqual([400, "ArgumentNull"]);
    const big = { type: "scheduleUpdateTwin", queryCondition: "*" };
    const body = JSON.stringify({ ...big, updateTwin: { etag: "*", tags: { n: 0 } } });
    const number = body.replace('"n":0', '"n":9007199254740993');
    expect((await hub.call("PUT", "/jobs/v2/x", { body: number })).status).toBe(400);
    const caller = { policy: "registryReadWrite" };
    expect((await hub.call("GET", "/jobs/v2/x", caller)).status).toBe(401);
  });
});

describe("configurations", () => {
  const path = "/configurations/c1";
  const body = { content: { deviceContent: { "properties.desired.x": 1 } }, targetCondition: "*" };

  it("are made with 201, changed with 200 and an etag in any spelling, deleted with 204", async () => {
    const made = await hub.call("PUT", path, { body: { ...body, id: "c1", etag: "*" } });
    expect([made.status, made.headers.etag]).toEqual([201, '"MQ=="']);
    expect(configurationDocument.strict().parse(made.body).etag).toBe("MQ==");
    const again = await hub.call("PUT", path, { body });
    expect([again.status, again.headers["iothub-errorcode"]]).toEqual([
      409,
      "ConfigurationAlreadyExists",
    ]);
    const change = (ifMatch: string, priority: number) =>
      hub.call("PUT", path, { body: { priority }, headers: { "if-match": ifMatch } });
    expect((await change('"MQ=="', 1)).status).toBe(200);
    // As Python sends it.
    expect((await change("Mg==", 2)).status).toBe(200);
    expect((await change('"Mg=="', 3)).status).toBe(412);
    const shown = await hub.call("GET", path, { policy: "registryRead" });
    expect([shown.body.priority, shown.headers.etag]).toEqual([2, '"Mw=="']);
    const list = await hub.call("GET", `/configurations?${version}&top=1`);
    expect(list.body).toHaveLength(1);
    expect((await hub.call("DELETE", path)).status).toBe(204);
    expect((await hub.call("GET", path)).headers["iothub-errorcode"]).toBe("ConfigurationNotFound");
  });

  it("may be tried, and content be applied to a device", async () => {
    const tried = await hub.call("POST", "/configurations/testQueries", {
      body: { targetCondition: "tags.", customMetricQueries: { q: "select * from devices" } },
    });
    expect(tried.body).toEqual({
      targetConditionError: expect.any(String),
      customMetricQueryErrors: {},
    });
    const applied = await hub.call("POST", "/devices/d1/applyConfigurationContent", {
      body: body.content,
    });
    expect([applied.status, applied.text]).toEqual([204, ""]);
    const twin = await hub.call("GET", "/twins/d1");
    expect(twin.body.properties.desired.x).toBe(1);
  });
});

describe("imports and exports", () => {
  it("are answered with all members, listed, and cancelled with 204", async () => {
    const made = await hub.call("POST", "/jobs/create", {
      policy: "registryReadWrite",
      body: {
        type: "export",
        outputBlobContainerUri: "https://myhub.localhost/uploads/~a?sig=x",
        excludeKeysInExport: true,
      },
    });
    expect(made.status).toBe(200);
    const { jobId } = transferDocument.strict().parse(made.body);
    await vi.waitFor(async () =>
      expect((await hub.call("GET", `/jobs/${jobId}`)).body.status).toBe("completed"),
    );
    expect((await hub.call("GET", "/jobs")).body).toMatchObject([{ jobId, progress: 100 }]);
    expect((await hub.call("DELETE", `/jobs/${jobId}`)).status).toBe(204);
    expect((await hub.call("GET", `/jobs/${jobId}`)).body.status).toBe("completed");
    expect((await hub.call("GET", "/jobs/nobody")).status).toBe(404);
  });
});
