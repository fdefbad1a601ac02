import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type TestHub, startHub } from "../src/testing/index.ts";
import { type BlobServer, startBlobServer } from "./support/blob-server.ts";

const signature = "c2lnbmF0dXJl";

let storage: BlobServer;
let from: TestHub;
let to: TestHub;
beforeEach(async () => {
  storage = await startBlobServer(signature);
  from = await startHub({ transferOrigins: [storage.origin] });
  to = await startHub({ transferOrigins: [storage.origin] });
});
afterEach(async () => {
  await Promise.all([from.stop(), to.stop(), storage.close()]);
});

const uri = (container: string, sig = signature): string =>
  `${storage.origin}/account/${container}?sv=2021-08-06&sig=${encodeURIComponent(sig)}`;

type Job = Readonly<Record<string, unknown>>;

/** Makes a job and waits for its end. */
async function run(hub: TestHub, body: object): Promise<Job> {
  const { status, body: made } = await hub.call("POST", "/jobs/create", body);
  expect(status).toBe(200);
  const { jobId } = made as { jobId: string };
  return vi.waitFor(async () => {
    const { body: job } = await hub.call("GET", `/jobs/${jobId}`);
    expect((job as Job)["status"]).toMatch(/completed|failed/);
    return job as Job;
  });
}

describe("a container of a storage account that the owner allows", () => {
  it("takes an export of devices and modules, and gives it to another hub's import", async () => {
    await from.createDevice("d1");
    const module = await from.createModule("d1", "m1");
    await from.call("PATCH", "/twins/d1/modules/m1", { tags: { site: "plant" } });
    const exported = await run(from, {
      type: "export",
      outputBlobContainerUri: uri("registry"),
      excludeKeysInExport: false,
    });
    expect(exported).toMatchObject({ status: "completed", failureReason: null });
    expect(storage.blobs.get("/account/registry/devices.txt")?.trim().split("\n")).toHaveLength(2);

    const imported = await run(to, {
      type: "import",
      inputBlobContainerUri: uri("registry"),
      outputBlobContainerUri: uri("registry"),
    });
    expect(imported).toMatchObject({ status: "completed" });
    expect(storage.blobs.get("/account/registry/importErrors.log")).toBe("");
    const { body: identity } = await to.call("GET", "/devices/d1/modules/m1");
    expect(identity).toMatchObject({
      authentication: { symmetricKey: { primaryKey: module.primaryKey } },
    });
    const { body: twin } = await to.call("GET", "/twins/d1/modules/m1");
    expect(twin).toMatchObject({ tags: { site: "plant" } });
  });

  it("keeps its signature to itself, and says what the storage refused", async () => {
    const job = await run(from, {
      type: "export",
      outputBlobContainerUri: uri("registry", "wrong"),
      excludeKeysInExport: true,
    });
    expect(job).toMatchObject({
      status: "failed",
      outputBlobContainerUri: `${storage.origin}/account/registry`,
      failureReason: expect.stringContaining("answers 403 AuthenticationFailed"),
    });
    const { body: all } = await from.call("GET", "/jobs");
    expect(JSON.stringify([job, all])).not.toContain("sig=");
  });

  it("fails an import whose blob is not there", async () => {
    const job = await run(to, {
      type: "import",
      inputBlobContainerUri: uri("empty"),
      outputBlobContainerUri: uri("empty"),
    });
    expect(job).toMatchObject({
      status: "failed",
      failureReason: expect.stringContaining("There is no blob devices.txt"),
    });
  });
});

describe("any other container", () => {
  it.each([
    ["of another account", () => "https://other.blob.core.windows.net/c?sig=x"],
    ["on another port of that host", () => uri("c").replace(/:\d+\//, ":1/")],
    ["of the machine's files", () => "file:///etc"],
  ])("%s is refused before anything is asked of it", async (_, other) => {
    const { status, body } = await from.call("POST", "/jobs/create", {
      type: "export",
      outputBlobContainerUri: other(),
      excludeKeysInExport: true,
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain("BlobContainerValidationError");
    expect(storage.requests).toEqual([]);
  });
});
