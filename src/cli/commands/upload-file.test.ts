import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, startHub } from "../../testing/start-hub.ts";
import { run } from "../run.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-upload-"));
let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
  await hub.createDevice("d#1");
  writeFileSync(path.join(directory, "ca.pem"), hub.caPem);
});
afterAll(async () => {
  await hub.stop();
  rmSync(directory, { recursive: true });
});

async function upload(...args: readonly string[]) {
  let out = "";
  let err = "";
  const code = await run(["upload-file", ...args], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    environment: {
      IOTHUB_CONNECTION_STRING: hub.connectionString,
      TWINHUB_HTTPS_PORT: String(hub.ports.https),
      TWINHUB_CA_FILE: path.join(directory, "ca.pem"),
    },
    directory,
    now: () => hub.clock.now(),
    untilStopped: () => Promise.resolve(),
  });
  return { code, out, err };
}

const lengthOf = async (blob: string) =>
  (await hub.call("HEAD", `/uploads/${blob}`)).headers["content-length"];

describe("twinhub upload-file", () => {
  it("sends a file under its own name", async () => {
    writeFileSync(path.join(directory, "report 1.txt"), "all is well");
    const { code, out, err } = await upload("-d", "d#1", "--file-path", "report 1.txt");
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({ blobName: "d#1/report 1.txt", sizeInBytes: 11 });
    expect(await lengthOf("d%231/report%201.txt")).toBe("11");
  });

  it("sends an empty file, and a large one in blocks, under another name and type", async () => {
    writeFileSync(path.join(directory, "empty"), "");
    expect((await upload("-d", "d#1", "--fp", "empty")).code).toBe(0);
    expect(await lengthOf("d%231/empty")).toBe("0");
    const large = path.join(directory, "large");
    writeFileSync(large, randomBytes(1000));
    truncateSync(large, 40_000_000);
    const options = ["--blob-name", "logs/l.bin", "--content-type", "application/x-log"];
    expect((await upload("-d", "d#1", "--fp", "large", ...options)).code).toBe(0);
    const { headers } = await hub.call("HEAD", "/uploads/d%231/logs/l.bin");
    expect(headers).toMatchObject({
      "content-length": "40000000",
      "content-type": "application/x-log",
    });
  });

  it.each([
    [["-d", "d#1", "--fp", "nowhere"], /nowhere cannot be read \(ENOENT\)/],
    [["-d", "d#1", "--fp", "."], /is not a file/],
    [["-d", "none", "--fp", "report 1.txt"], /DeviceNotFound/],
    [["-d", "d#1", "--fp", "report 1.txt", "--blob-name", "../x"], /ArgumentInvalid/],
  ])("says in one line why it cannot: %j", async (args, words) => {
    const { code, out, err } = await upload(...args);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(words);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it("leaves no upload open", async () => {
    for (let round = 0; round < 12; round++)
      expect((await upload("-d", "d#1", "--fp", "report 1.txt")).code).toBe(0);
  });
});
