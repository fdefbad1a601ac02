import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../test/support/http-hub.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
  await hub.call("PUT", "/devices/d1", { body: {} });
  await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
});
afterAll(() => hub.stop());

const addresses = ["/devices/d1", "/devices/d1/modules/m1", "/twins/d1", "/twins/d1/modules/m1"];

function expectFormA(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(answer.headers["x-ms-request-id"]).toBeTruthy();
  expect(Object.keys(answer.body)).toEqual(["Message", "ExceptionMessage"]);
  expect(answer.body.Message).toMatch(new RegExp(`^ErrorCode:${name};[^;]+$`));
  const id = String(answer.headers["x-ms-request-id"]).replaceAll("-", "").toUpperCase();
  expect(answer.body.ExceptionMessage).toContain(id);
}

describe.each(addresses)("api-version of %s", (path) => {
  it.each([
    "",
    "?",
    "?api-version=",
    "?api-version=2018-06",
    "?api-version=2021-13-01",
    "?api-version=x&api-version=2021-04-12",
  ])("is refused when the query is '%s', before the caller is looked at", async (query) => {
    const target = query === "" ? `${path}?x` : `${path}${query}`;
    const answer = await hub.call("GET", target, { policy: null });
    expectFormA(answer, 400, "InvalidProtocolVersion");
    expect(answer.body.Message).toBe("ErrorCode:InvalidProtocolVersion;BadRequest");
  });

  it.each(["2016-11-14", "2018-06-30", "2020-05-31-preview", "2024-03-31", "2030-01-01"])(
    "may be %s",
    async (version) => {
      expect((await hub.call("GET", `${path}?x=1&API-Version=${version}`)).status).toBe(200);
    },
  );
});

describe.each(addresses)("the caller of %s", (path) => {
  const withHeader = (authorization?: string): Promise<Answer> =>
    hub.call("GET", path, {
      policy: null,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });

  it("is accepted with the owner's token, whatever its audience's spelling", async () => {
    const resource = ["devices", "twins"].find((word) => path.startsWith(`/${word}`));
    for (const audience of [
      hostName,
      hostName.toUpperCase(),
      `${hostName}:443`,
      `${hostName}/${resource}/d1`,
    ]) {
      expect((await withHeader(hub.token({ resource: audience }))).status).toBe(200);
    }
  });

  it("is refused alike whatever is wrong", async () => {
    const good = hub.token();
    const refused = await Promise.all(
      [
        undefined,
        "",
        "Bearer eyJ0eXAiOiJKV1QifQ.e30.x",
        "Basic aW90aHVi",
        "SharedAccessSignature",
        "SharedAccessSignature sr=x",
        good.replace(/sig=[^&]+/, "sig=AAAA"),
        good.replace("skn=iothubowner", "skn=nobody"),
        good.slice(0, -1),
        hub.token({ expiry: Math.floor(hub.clock.now() / 1000) - 301 }),
        hub.token({ resource: "other.localhost" }),
        hub.token({ resource: `${hostName}/devices/d10` }),
        hub.token({ key: "AAAA" }),
      ].map(withHeader),
    );
    for (const answer of refused) {
      expectFormA(answer, 401, "IotHubUnauthorizedAccess");
      expect(answer.body.Message).toBe("ErrorCode:IotHubUnauthorizedAccess;Unauthorized");
    }
  });

  it("is accepted up to five minutes after the token's end", async () => {
    const expiry = Math.floor(hub.clock.now() / 1000) - 290;
    expect((await withHeader(hub.token({ expiry }))).status).toBe(200);
  });

  it("without the right is refused with 401, not 403", async () => {
    expectFormA(await hub.call("GET", path, { policy: "device" }), 401, "IotHubUnauthorizedAccess");
  });

  it("never finds its token in the log", async () => {
    const token = hub.token({ key: "AAAA" });
    await withHeader(token);
    const signature = /sig=([^&]+)/.exec(token)?.[1] ?? "";
    expect(JSON.stringify(hub.log)).not.toContain(signature);
  });

  it("learns nothing about existence before the token is right", async () => {
    const missing = await hub.call("GET", path.replaceAll("1", "9"), { policy: null });
    expect([missing.status, missing.body.Message]).toEqual([
      401,
      (await withHeader()).body.Message,
    ]);
  });
});

describe("the Host header", () => {
  it.each(["evil.example", "127.evil.example", "x", "myhub.localhost:x"])(
    "'%s' is refused before api-version",
    async (host) => {
      const answer = await hub.call("GET", "/devices/d1?x", { headers: { host }, policy: null });
      expectFormA(answer, 400, "ArgumentInvalid");
      expect(answer.body.Message).toBe("ErrorCode:ArgumentInvalid;Requested Host is not supported");
    },
  );

  it.each(["MyHub.localhost:443", "localhost:8443", "127.0.0.1:1", "[::1]"])(
    "'%s' is fine",
    async (host) => {
      expect((await hub.call("GET", "/devices/d1", { headers: { host } })).status).toBe(200);
    },
  );
});

describe("paths", () => {
  it.each(["/", "/nope", "/devices/d1/modules/m1/x", "/devices/d1/../../twins/d1"])(
    "%s lead nowhere",
    async (path) => expectFormA(await hub.call("GET", path), 404, "GenericNotFound"),
  );

  it.each([
    ["POST", "/devices/d1", "GET, HEAD, PUT, DELETE"],
    ["PATCH", "/devices/d1/modules/m1", "GET, HEAD, PUT, DELETE"],
    ["DELETE", "/twins/d1/modules/m1", "GET, HEAD, PATCH, PUT"],
    ["GET", "/devices/keys/regenerate", "POST"],
    ["PROPFIND", "/devices/d1", "GET, HEAD, PUT, DELETE"],
  ])("%s %s is 405 and says what is allowed", async (method, path, allow) => {
    const answer = await hub.call(method, path);
    expectFormA(answer, 405, "GenericMethodNotAllowed");
    expect(answer.headers.allow).toBe(allow);
  });

  it("may be whole URLs", async () => {
    const answer = await hub.call("GET", `https://${hostName}/devices/d1?api-version=2021-04-12`);
    expect(answer.status).toBe(200);
  });

  it.each(["/devices/%2e%2e%2ftwins%2fd1", "/devices/d1%2Fm1"])(
    "%s are ids with a slash, which no id has",
    async (path) => {
      expectFormA(await hub.call("GET", path), 400, "ArgumentInvalid");
      expectFormA(await hub.call("GET", path.replaceAll("%2", "%252")), 404, "DeviceNotFound");
    },
  );

  it("that are not validly encoded are 400", async () => {
    expectFormA(await hub.call("GET", "/devices/%zz"), 400, "ArgumentInvalid");
  });
});

describe("every answer", () => {
  it("has a request id, is not to be kept, and is logged under its id without the query", async () => {
    const answer = await hub.call("GET", "/devices/d1?api-version=2021-04-12&x=private");
    expect(answer.headers["cache-control"]).toBe("no-store");
    const logged = hub.log.find(
      ({ fields }) => fields["requestId"] === answer.headers["x-ms-request-id"],
    );
    expect(logged?.fields).toMatchObject({ method: "GET", path: "/devices/d1", status: 200 });
    expect(JSON.stringify(hub.log)).not.toContain("private");
  });
});

describe("open routes", () => {
  it("tell that the hub is healthy, to everybody", async () => {
    const answer = await hub.call("GET", "/health?", { policy: null });
    expect([answer.status, answer.text]).toEqual([200, '{"status":"healthy"}']);
  });

  it("describe the API: every route with its errors, and no secret", async () => {
    const { body, text, status } = await hub.call("GET", "/openapi.json?", { policy: null });
    expect([status, body.openapi]).toEqual([200, "3.1.0"]);
    // Among others: each part of the API adds its own.
    for (const path of [
      "/$hub/certificates",
      "/$hub/certificates/{name}",
      "/$hub/certificates/{name}/generateVerificationCode",
      "/$hub/certificates/{name}/verify",
      "/$hub/connections",
      "/$hub/connections/ended",
      "/$hub/events",
      "/$hub/events/partitions",
      "/$hub/overview",
      "/$hub/policies",
      "/$hub/policies/{name}",
      "/$hub/policies/{name}/regenerate",
      "/devices/{deviceId}/commands",
      "/devices/{deviceId}/messages/deviceBound",
      "/devices/{deviceId}/messages/deviceBound/{lockToken}",
      "/devices/{deviceId}/messages/deviceBound/{lockToken}/abandon",
      "/devices/{deviceId}/messages/events",
      "/devices/{deviceId}/modules/{moduleId}/messages/events",
      "/messages/serviceBound/feedback",
      "/messages/serviceBound/feedback/{lockToken}",
      "/messages/serviceBound/feedback/{lockToken}/abandon",
      "/twins/{deviceId}/methods",
      "/twins/{deviceId}/modules/{moduleId}/methods",
      "/devices",
      "/devices/keys/regenerate",
      "/devices/{deviceId}",
      "/devices/{deviceId}/modules",
      "/devices/{deviceId}/modules/{moduleId}",
      "/health",
      "/statistics/devices",
      "/statistics/service",
      "/twins/{deviceId}",
      "/twins/{deviceId}/modules/{moduleId}",
    ])
      expect(Object.keys(body.paths)).toContain(path);
    const put = body.paths["/devices/{deviceId}/modules/{moduleId}"].put;
    expect(Object.keys(put.responses)).toEqual(["200", "201", "4XX", "5XX"]);
    expect(put.requestBody.content["application/json"].schema.properties).toHaveProperty(
      "managedBy",
    );
    const { body: policy } = await hub.call("GET", "/$hub/policies/iothubowner");
    expect(text).not.toContain(policy.primaryKey);
  });
});
