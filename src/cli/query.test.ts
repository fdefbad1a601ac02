import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub, type RunningCommand } from "../../test/support/cli-hub.ts";
import type { TestHub } from "../testing/start-hub.ts";

/** More devices than one page or one GET of the registry holds. */
const count = 1_050;

let cli: CliHub;
let hub: TestHub;
beforeAll(async () => {
  cli = await CliHub.start();
  ({ hub } = cli);
  for (let at = 0; at < count; at += 100) {
    const size = Math.min(100, count - at);
    const entries = Array.from({ length: size }, (_, n) => ({
      id: `d${String(at + n).padStart(4, "0")}`,
      importMode: "create",
      status: "enabled",
      authentication: { type: "sas", symmetricKey: {} },
      tags: { n: at + n },
    }));
    expect((await hub.call("POST", "/devices", entries)).status).toBe(200);
  }
  await hub.createModule("d0001", "m1");
  await hub.createModule("d0002", "m2");
});
afterAll(() => cli.stop());

const start = (...args: readonly string[]): RunningCommand => cli.start(args);

async function output(...args: readonly string[]): Promise<string> {
  const running = start(...args);
  expect(await running.done, running.err).toBe(0);
  return running.out;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
async function json(...args: readonly string[]): Promise<any> {
  return JSON.parse(await output(...args));
}

describe("twinhub query", () => {
  it("goes through all pages", async () => {
    const rows = await json("query", "-q", "SELECT deviceId, tags.n FROM devices");
    expect(rows).toHaveLength(count);
    expect(rows.at(-1)).toEqual({ deviceId: "d1049", n: 1049 });
  });

  it("stops at --top, on one page or more", async () => {
    for (const top of [1, 1000, 1001])
      expect(
        await json("query", "-q", "SELECT deviceId FROM devices", "--top", String(top)),
      ).toHaveLength(top);
  });

  it("shows rows as a table", async () => {
    const query = "SELECT moduleId, deviceId FROM devices.modules WHERE deviceId = 'd0002'";
    expect(await output("query", "-q", query, "-o", "table")).toMatch(
      /^MODULEID +DEVICEID\nm2 +d0002\n$/,
    );
  });

  it("tells where a query is wrong", async () => {
    const running = start("query", "-q", "SELECT * FROM device");
    expect(await running.done).toBe(1);
    expect(running.err).toMatch(/^error: ArgumentInvalid .*line 1, column 15.*\n$/);
  });
});

describe("lists", () => {
  it("hold more than a thousand devices", async () => {
    for (const noun of ["device-identity", "device-twin"]) {
      expect(await json(noun, "list")).toHaveLength(count);
      expect(await json(noun, "list", "--top", "3")).toHaveLength(3);
    }
  });

  it("hold modules of all devices, or of one", async () => {
    const ids = (rows: { moduleId: string }[]): string[] => rows.map(({ moduleId }) => moduleId);
    for (const noun of ["module-identity", "module-twin"]) {
      expect(ids(await json(noun, "list"))).toEqual(["m1", "m2"]);
      expect(ids(await json(noun, "list", "-d", "d0001"))).toEqual(["m1"]);
    }
    expect(await json("module-twin", "list", "-d", "x' OR 'a'='a")).toEqual([]);
    expect(await output("module-twin", "list", "-o", "table")).toMatch(/^DEVICE +MODULE +VERSION/);
  });
});

describe("twinhub index", () => {
  it("makes, lists and drops", async () => {
    const index = "properties.reported.firmware";
    expect(await json("index", "create", index)).toMatchObject({ path: index, isUsed: false });
    expect(await json("index", "list")).toMatchObject([{ path: index }]);
    expect(await output("index", "list", "-o", "table")).toMatch(/^PATH +CREATED +USED\n/);
    expect(await output("index", "delete", index)).toBe("");
    expect(await json("index", "list")).toEqual([]);
  });

  it("refuses what can't be indexed", async () => {
    const running = start("index", "create", "firmware");
    expect(await running.done).toBe(1);
    expect(running.err).toMatch(/^error: ArgumentInvalid .*'firmware' can't be indexed/);
  });
});

describe("twinhub changes", () => {
  it("shows them from the beginning, or after a number, of twins that match", async () => {
    const all = await json("changes");
    expect(all.length).toBeGreaterThanOrEqual(count + 2);
    const last = all.at(-1).sequence;
    expect(await json("changes", "--after", String(last))).toEqual([]);
    expect(await json("changes", "--after", "latest")).toEqual([]);
    const one = await json("changes", "--where", "tags.n = 7");
    expect(new Set(one.map((change: { deviceId: string }) => change.deviceId))).toEqual(
      new Set(["d0007"]),
    );
    expect(await output("changes", "--where", "tags.n = 7", "-o", "table")).toMatch(
      /^SEQUENCE +TIME +TYPE +DEVICE +MODULE\n/,
    );
  });

  it("follows them as they come", async () => {
    const running = start("changes", "--follow", "--where", "tags.followed = true");
    await expect.poll(() => running.err).toContain("Waiting for changes");
    await hub.call("PATCH", "/twins/d0001/modules/m1", { tags: { followed: false } });
    await hub.call("PATCH", "/twins/d0001/modules/m1", { tags: { followed: true } });
    await expect.poll(() => running.out).toContain('"followed":true');
    running.stop();
    expect(await running.done).toBe(0);
    for (const line of running.out.trim().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({ deviceId: "d0001", moduleId: "m1" });
    }
  });

  it.each([
    [["--after", "x"], 2, /--after must be a sequence number/],
    [["--after", "99999999"], 1, /The newest change is \d+/],
    [["--where", "tags."], 1, /line 1, column/],
    [["--follow", "--where", "tags."], 1, /line 1, column/],
  ])("refuses %j", async (args, code, text) => {
    const running = start("changes", ...args);
    expect(await running.done).toBe(code);
    expect(running.err).toMatch(text);
  });
});
