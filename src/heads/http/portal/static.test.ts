import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IncomingMessage, request } from "node:http";
import {
  type HubUnderTest,
  hostName,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";

const directory = mkdtempSync(path.join(tmpdir(), "portal-"));
const script = "console.log(1);";
let hub: HubUnderTest;

beforeAll(async () => {
  mkdirSync(path.join(directory, "assets"));
  writeFileSync(
    path.join(directory, "index.html"),
    '<meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/portal/assets/a.js"></script>',
  );
  writeFileSync(path.join(directory, "assets", "a.js"), script);
  writeFileSync(path.join(directory, "assets", "a.js.gz"), gzipSync(script));
  writeFileSync(path.join(directory, "..", "outside.js"), "secret");
  hub = await startHubUnderTest({ portalDirectory: directory });
});
afterAll(async () => {
  await hub.stop();
  rmSync(directory, { recursive: true });
});

interface Page {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

function get(target: string, headers: Record<string, string> = {}): Promise<Page> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: hub.port, path: target, agent: false };
    const sent = request({ ...options, headers: { host: hostName, ...headers } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({
          status: answer.statusCode,
          headers: answer.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}

describe("the portal's files", () => {
  it.each(["/portal", "/portal/", "/portal/devices/d%2F1/modules/m1.js", "/portal/sign-in?x=1"])(
    "answer %s with the application's page",
    async (target) => {
      const page = await get(target);
      expect(page.status).toBe(200);
      expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(page.headers["cache-control"]).toBe("no-store");
    },
  );

  it("allow own scripts only, and style sheets with each answer's own nonce", async () => {
    const [first, second] = [await get("/portal"), await get("/portal")];
    const policy = String(first.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
    expect(first.body.toString()).toContain(`nonce="${nonce}"`);
    expect(String(second.headers["content-security-policy"])).not.toContain(nonce);
  });

  it("are kept for good, because their names change with their content", async () => {
    const file = await get("/portal/assets/a.js");
    expect(file.body.toString()).toBe(script);
    expect(file.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(file.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(file.headers["x-content-type-options"]).toBe("nosniff");
    const again = await get("/portal/assets/a.js", { "if-none-match": String(file.headers.etag) });
    expect(again.status).toBe(304);
    expect(again.body).toHaveLength(0);
  });

  it("come compressed to whoever accepts it", async () => {
    const packed = await get("/portal/assets/a.js", { "accept-encoding": "gzip, br" });
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(packed.body).toString()).toBe(script);
    const plain = await get("/portal/assets/a.js", { "accept-encoding": "gzip;q=0" });
    expect(plain.headers["content-encoding"]).toBeUndefined();
  });

  it.each([
    "/portal/assets/none.js",
    "/portal/assets/../../outside.js",
    "/portal/assets/..%2f..%2foutside.js",
    "/portal/assets/%2e%2e/%2e%2e/outside.js",
  ])("have no %s", async (target) => {
    const answer = await get(target);
    expect(answer.body.toString()).not.toContain("secret");
    expect(answer.body.toString()).not.toContain(script);
  });

  it("are missing with a reason when the portal has not been built", async () => {
    const bare = await startHubUnderTest({ portalDirectory: path.join(directory, "none") });
    const answer = await bare.call("GET", "/portal", { policy: null });
    expect(answer.status).toBe(404);
    expect(answer.body.Message).toContain("npm run build");
    await bare.stop();
  });
});
