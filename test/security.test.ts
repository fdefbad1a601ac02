import { readFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { noPrecondition, parsePrecondition } from "../src/domain/identity/etag.ts";
import { isId } from "../src/domain/identity/key.ts";
import { readAudience } from "../src/domain/identity/sas.ts";
import { sourceOf } from "../src/app/strangers/source.ts";
import { splitTarget } from "../src/heads/http/paths.ts";
import { createSasToken, parseSasToken } from "../src/wire/sas-token.ts";
import { type HubUnderTest, hostName, startHubUnderTest } from "./support/http-hub.ts";
import { fuzzKey, fuzzOwner } from "./fuzz/fuzz-hub.ts";

const root = path.join(import.meta.dirname, "..");

let hub: HubUnderTest | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

/** What comes back for these bytes until the hub ends the connection. */
function answerTo({ port }: HubUnderTest, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

describe("what somebody could guess", () => {
  it("is 32 random bytes: keys of policies, and the secrets of links and cookies", async () => {
    hub = await startHubUnderTest();
    const { body: policies } = await hub.call("GET", "/$hub/policies");
    const links = [
      await hub.call("POST", "/$hub/session/code"),
      await hub.call("POST", "/$hub/session/code"),
    ];
    const secrets: string[] = [
      ...policies.flatMap((policy: { primaryKey: string; secondaryKey: string }) => [
        policy.primaryKey,
        policy.secondaryKey,
      ]),
      ...links.map(({ body }) => body.code),
    ];
    expect(secrets.length).toBeGreaterThan(8);
    expect(secrets.map((secret) => Buffer.from(secret, "base64").length)).toEqual(
      secrets.map(() => 32),
    );
    expect(new Set(secrets).size).toBe(secrets.length);
  });
});

describe("paths that would leave their place", () => {
  it.each([
    "/portal/../../package.json",
    "/portal/..%2f..%2fpackage.json",
    "/portal/%2e%2e/%2e%2e/package.json",
    "/portal/..\\..\\package.json",
    "/uploads/d1/..%2f..%2f..%2fetc%2fpasswd",
    "/uploads/..%2fhub.db",
  ])("lead nowhere: %s", async (target) => {
    hub = await startHubUnderTest();
    const lines = [
      `GET ${target} HTTP/1.1`,
      `Host: ${hostName}`,
      `Authorization: ${hub.token()}`,
      "Connection: close",
      "\r\n",
    ];
    const answer = await answerTo(hub, lines.join("\r\n"));
    expect(answer).toMatch(/^HTTP\/1\.1 (?:4\d\d) /);
    expect(answer).not.toMatch(/root:|"workspaces"|SQLite/);
  });
});

describe("line breaks in what becomes a header", () => {
  it("of a message to a device make no header of their own", async () => {
    hub = await startHubUnderTest();
    const authentication = { symmetricKey: { primaryKey: fuzzKey, secondaryKey: fuzzKey } };
    await hub.hub.identities.putDevice(fuzzOwner, "d1", { authentication }, noPrecondition);
    const broken = "x\r\nSet-Cookie: stolen=1\r\n\r\nHTTP/1.1 200 OK";
    await hub.hub.cloudToDevice.send(fuzzOwner, "d1", {
      body: Buffer.from("hello"),
      system: { correlationId: broken },
      application: new Map([
        ["a", broken],
        ["b\r\nc", "d"],
      ]),
      ack: "none",
    });
    const resource = `${hostName}/devices/d1`;
    const authorization = createSasToken({ resource, key: fuzzKey, expiry: 4_102_444_800 });
    const answer = await hub.call("GET", "/devices/d1/messages/deviceBound", {
      headers: { authorization },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers["set-cookie"]).toBeUndefined();
    expect(answer.text).toBe("hello");
  });
});

describe("bodies that are compressed", () => {
  it.each(["/twins/d1", "/twins/d1/modules/m1"])(
    "are never unpacked: a bomb for %s is as large as it is, and no JSON",
    async (target) => {
      hub = await startHubUnderTest();
      await hub.call("PUT", "/devices/d1", { body: {} });
      await hub.call("PUT", "/devices/d1/modules/m1", { body: {} });
      const bomb = gzipSync(`{"tags":{"a":"${"a".repeat(20_000_000)}"}}`);
      const headers = { "content-encoding": "gzip" };
      const answer = await hub.call("PATCH", target, { body: bomb, headers });
      expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([
        400,
        "IotHubFormatError",
      ]);
    },
  );
});

describe("texts that would keep a pattern busy", () => {
  it("take no longer than their length deserves", () => {
    const readers: readonly ((text: string) => unknown)[] = [
      parseSasToken,
      sourceOf,
      splitTarget,
      parsePrecondition,
      isId,
      (text) => readAudience(text, () => false),
    ];
    const pieces = ["a", "%", ":", "=", "&", "/", '"', "::", "%25", ".", "[", " "];
    const started = process.cpuUsage();
    for (const read of readers)
      for (const piece of pieces)
        for (const end of ["", "!", '"']) {
          try {
            read(piece.repeat(30_000) + end);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
    // One that looks at the rest again at each character takes a minute.
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(2_000);
  });
});

describe("packages that this one is built on", () => {
  it("run no script when they are installed", () => {
    const lock: unknown = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8"));
    const { packages } = lock as { packages: Record<string, { hasInstallScript?: boolean }> };
    const names = Object.keys(packages);
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => packages[name]?.hasInstallScript === true)).toEqual([]);
  });
});
