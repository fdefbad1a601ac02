import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type HubUnderTest,
  hostName,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHubUnderTest();
});
afterAll(() => hub.stop());

const own = { "x-twinhub-portal": "1", origin: `https://${hostName}` };

function signIn(policy = "iothubowner", headers: Record<string, string> = own): Promise<Answer> {
  return hub.call("POST", "/$hub/session", { policy, headers, body: {} });
}

function setCookie(answer: Answer): string {
  return answer.headers["set-cookie"]?.[0] ?? "";
}

/** What the browser sends back. */
function cookieOf(answer: Answer): string {
  return setCookie(answer).split(";")[0] ?? "";
}

function withCookie(
  cookie: string,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  return hub.call(method, path, {
    ...options,
    policy: null,
    headers: { cookie, ...options.headers },
  });
}

describe("signing a browser in", () => {
  it("exchanges a policy's token for a cookie that scripts can't read and other sites can't send", async () => {
    const answer = await signIn();
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ policy: "iothubowner", hubName: "myhub", hostName });
    expect(setCookie(answer)).toMatch(
      /^__Host-twinhub-443=[\w-]{43}; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict$/,
    );
  });

  it("serves devices, modules and twins to the session", async () => {
    const cookie = cookieOf(await signIn());
    for (const path of ["/devices/d1", "/devices/d1/modules/m1"]) {
      const [, , deviceId, , moduleId] = path.split("/");
      const put = { body: { deviceId, moduleId }, headers: own };
      expect((await withCookie(cookie, "PUT", path, put)).status).toBeLessThan(300);
    }
    for (const path of ["/devices", "/devices/d1/modules/m1", "/twins/d1", "/twins/d1/modules/m1"])
      expect((await withCookie(cookie, "GET", path)).status).toBe(200);
  });

  it("gives the session the policy's rights and no more", async () => {
    const cookie = cookieOf(await signIn("registryRead"));
    expect((await withCookie(cookie, "GET", "/devices")).status).toBe(200);
    expect((await withCookie(cookie, "GET", "/$hub/policies")).status).toBe(401);
    const put = { body: { deviceId: "d2" }, headers: own };
    expect((await withCookie(cookie, "PUT", "/devices/d2", put)).status).toBe(401);
  });

  it("opens no session for a stranger, a wrong key, a device or a token that covers less", async () => {
    const created = await hub.call("PUT", "/devices/d3", { body: { deviceId: "d3" } });
    const deviceToken = hub.token({
      policy: "",
      resource: `${hostName}/devices/d3`,
      key: created.body.authentication.symmetricKey.primaryKey,
    });
    const tokens = [
      undefined,
      "SharedAccessSignature sr=x",
      hub.token({ key: Buffer.alloc(32).toString("base64") }),
      hub.token({ resource: `${hostName}/devices` }),
      deviceToken,
    ];
    for (const authorization of tokens) {
      const headers = authorization === undefined ? own : { ...own, authorization };
      const answer = await hub.call("POST", "/$hub/session", { policy: null, headers, body: {} });
      expect(answer.status, authorization).toBe(401);
      expect(answer.headers["set-cookie"]).toBeUndefined();
    }
  });

  it("tells who is signed in, and nothing to a stranger", async () => {
    const cookie = cookieOf(await signIn("service"));
    expect((await withCookie(cookie, "GET", "/$hub/session")).body).toMatchObject({
      policy: "service",
      rights: ["ServiceConnect"],
    });
    const stranger = await hub.call("GET", "/$hub/session", { policy: null });
    expect(stranger.status).toBe(204);
    expect(stranger.text).toBe("");
  });

  it("ends the session at sign-out", async () => {
    const cookie = cookieOf(await signIn());
    const out = await withCookie(cookie, "DELETE", "/$hub/session", { headers: own });
    expect(out.status).toBe(204);
    expect(setCookie(out)).toContain("Max-Age=0");
    expect((await withCookie(cookie, "GET", "/devices")).status).toBe(401);
  });

  it("ends with the key that it was proven with", async () => {
    await hub.hub.policies.put(
      { kind: "policy", policy: "iothubowner", rights: (await ownerPolicy()).rights },
      "guest",
      { rights: ["RegistryRead"], primaryKey: Buffer.alloc(32, 1).toString("base64") },
    );
    const authorization = hub.token({
      policy: "guest",
      key: Buffer.alloc(32, 1).toString("base64"),
    });
    const headers = { ...own, authorization };
    const cookie = cookieOf(
      await hub.call("POST", "/$hub/session", { policy: null, headers, body: {} }),
    );
    expect((await withCookie(cookie, "GET", "/devices")).status).toBe(200);
    const owner = { kind: "policy", policy: "x", rights: (await ownerPolicy()).rights } as const;
    await hub.hub.policies.regenerateKey(owner, "guest", "primaryKey");
    expect((await withCookie(cookie, "GET", "/devices")).status).toBe(401);
  });

  async function ownerPolicy() {
    const rights = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"] as const;
    return { rights };
  }
});

describe("requests that another site has caused", () => {
  const writes: Record<string, Record<string, string>> = {
    "without the portal's header": { origin: `https://${hostName}` },
    "from another origin": { ...own, origin: "https://evil.example" },
    "from another port of this host": { ...own, origin: `https://${hostName}:8443` },
    "from a sandboxed page": { ...own, origin: "null" },
  };
  it.each(Object.entries(writes))("are refused %s", async (_name, headers) => {
    const cookie = cookieOf(await signIn());
    const put = await withCookie(cookie, "PUT", "/devices/forged", {
      headers,
      body: { deviceId: "forged" },
    });
    expect(put.status).toBe(401);
    expect((await hub.call("GET", "/devices/forged")).status).toBe(404);
    expect((await signIn("iothubowner", headers)).status).toBe(401);
  });

  it("do not disturb callers with a token of their own", async () => {
    const headers = { cookie: cookieOf(await signIn()), origin: "https://evil.example" };
    expect((await hub.call("GET", "/devices", { headers })).status).toBe(200);
  });
});

describe("the certificate that clients have to trust", () => {
  it("is given to whoever has signed in", async () => {
    const caPem = "-----BEGIN CERTIFICATE-----";
    const other = await startHubUnderTest({ caPem });
    const headers = { host: hostName, authorization: other.token() };
    const url = `http://127.0.0.1:${other.port}/$hub/ca.pem`;
    expect(await (await fetch(url, { headers })).text()).toBe(caPem);
    expect((await other.call("GET", "/$hub/ca.pem", { policy: null })).status).toBe(401);
    await other.stop();
    expect((await hub.call("GET", "/$hub/ca.pem")).status).toBe(404);
  });
});

describe("one-time links", () => {
  function useCode(code: string): Promise<Answer> {
    return hub.call("POST", "/$hub/session", { policy: null, headers: own, body: { code } });
  }

  it("sign in once", async () => {
    const path = hub.head.portalLink(hub.token());
    expect(path).toMatch(/^\/portal\/sign-in#code=[\w-]{43}$/);
    const code = path.split("=")[1] ?? "";
    const first = await useCode(code);
    expect(first.status).toBe(200);
    expect((await withCookie(cookieOf(first), "GET", "/devices")).status).toBe(200);
    expect((await useCode(code)).status).toBe(401);
  });

  it("are made for their caller, with the caller's rights", async () => {
    const made = await hub.call("POST", "/$hub/session/code", { policy: "registryRead" });
    const session = await useCode(made.body.code);
    expect(session.body).toMatchObject({ policy: "registryRead", rights: ["RegistryRead"] });
    expect((await hub.call("POST", "/$hub/session/code", { policy: null })).status).toBe(401);
  });

  it("mean nothing to a hub that did not make them", async () => {
    for (const code of ["", "x", "__proto__", "A".repeat(43)])
      expect((await useCode(code)).status).toBe(401);
    expect((await useCode("A".repeat(129))).status).toBe(400);
  });
});
