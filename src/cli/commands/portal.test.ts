import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, startHub } from "../../testing/start-hub.ts";
import { run } from "../run.ts";

let hub: TestHub;
let directory: string;

beforeAll(async () => {
  hub = await startHub();
  directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-portal-"));
  writeFileSync(path.join(directory, "ca.pem"), hub.caPem);
});

afterAll(async () => {
  await hub.stop();
  rmSync(directory, { recursive: true });
});

const minute = 60_000;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Addresses that the browser was given. */
  readonly opened: readonly string[];
}

async function portal(args: readonly string[] = [], policy = "iothubowner"): Promise<Ran> {
  let out = "";
  let err = "";
  const opened: string[] = [];
  const code = await run(["portal", ...args], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {
      IOTHUB_CONNECTION_STRING: hub.connectionStrings[policy] ?? "",
      TWINHUB_HTTPS_PORT: String(hub.ports.https),
      TWINHUB_CA_FILE: path.join(directory, "ca.pem"),
    },
    directory,
    now: () => hub.clock.now(),
    untilStopped: () => Promise.resolve(),
    openBrowser: async (url) => {
      opened.push(url);
      return true;
    },
  });
  return { code, out, err, opened };
}

interface SignedIn {
  readonly status: number;
  readonly policy?: string;
  readonly expires?: string;
}

/** Does what the portal does with the link's code. */
function signIn(url: string): Promise<SignedIn> {
  const { hostname, port, hash } = new URL(url);
  const body = JSON.stringify({ code: hash.replace("#code=", "") });
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "x-twinhub-portal": "1" };
    const options = { host: hostname, port, path: "/$hub/session", method: "POST", headers };
    const sent = request({ ...options, ca: hub.caPem, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        const { policy, expires } = JSON.parse(text) as { policy?: string; expires?: string };
        resolve({
          status: response.statusCode ?? 0,
          ...(policy === undefined ? {} : { policy }),
          ...(expires === undefined ? {} : { expires }),
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("twinhub portal", () => {
  it("prints a link that signs a browser in once, and for as long as that of start", async () => {
    const { code, out, err, opened } = await portal();
    expect([code, opened]).toEqual([0, []]);
    expect(out).toMatch(/^https:\/\/\S+\/portal\/sign-in#code=[\w-]{43}\n$/);
    expect(err).toMatch(/^It signs one browser in, once, until \d{4}-\S+Z\.\n$/);
    const first = await signIn(out.trim());
    expect(first).toMatchObject({ status: 200, policy: "iothubowner" });
    const hours = (Date.parse(first.expires ?? "") - hub.clock.now()) / (60 * minute);
    expect(hours).toBeGreaterThan(7.9);
    expect((await signIn(out.trim())).status).toBe(401);
  });

  it("gives a link the rights of the policy that asks for it", async () => {
    const { out } = await portal([], "service");
    expect(await signIn(out.trim())).toMatchObject({ status: 200, policy: "service" });
  });

  it("prints a link that ends after a quarter of an hour", async () => {
    const { out } = await portal(["--output", "json"]);
    const { portalUrl, expires } = JSON.parse(out) as { portalUrl: string; expires: string };
    const left = Date.parse(expires) - hub.clock.now();
    expect(left).toBeGreaterThan(14 * minute);
    expect(left).toBeLessThanOrEqual(15 * minute);
    hub.clock.advance(16 * minute);
    expect((await signIn(portalUrl)).status).toBe(401);
  });

  it("opens the link in the browser when asked", async () => {
    const { code, out, opened } = await portal(["--open"]);
    expect([code, opened]).toEqual([0, [out.trim()]]);
  });

  it("gives no link to a device, and says so", async () => {
    const { connectionString } = await hub.createDevice("d1");
    const { code, out, err } = await portal(["--login", connectionString]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^error: The connection string is not a service's/);
  });
});
