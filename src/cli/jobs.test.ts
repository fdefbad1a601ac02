import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CliHub } from "../../test/support/cli-hub.ts";

let cli: CliHub;
beforeAll(async () => {
  cli = await CliHub.start();
  await cli.hub.createDevice("d1");
  await cli.hub.createModule("d1", "m1");
  await cli.hub.createDevice("edge", { capabilities: { iotEdge: true } });
});
afterAll(() => cli.stop());

const twinhub = (...args: readonly string[]) => cli.twinhub(...args);
const json = (...args: readonly string[]) => cli.json(...args);

describe("the command line", () => {
  it("schedules a job over modules, waits for it, lists it", async () => {
    const patch = '{"tags":{"n":1}}';
    const condition = "from devices.modules where moduleId = 'm1'";
    const job = await json(
      "job",
      "create",
      "--job-id",
      "j1",
      "--jt",
      "scheduleUpdateTwin",
      "-q",
      condition,
      "--patch",
      patch,
      "--wait",
    );
    expect(job).toMatchObject({
      jobId: "j1",
      status: "completed",
      deviceJobStatistics: { succeededCount: 1 },
    });
    expect((await json("module-twin", "show", "-d", "d1", "-m", "m1")).tags).toEqual({ n: 1 });
    expect(await json("job", "show", "-j", "j1")).toEqual(job);
    expect(await json("job", "list", "--js", "completed")).toEqual([job]);
    expect((await twinhub("job", "list", "-o", "table")).out).toMatch(/^JOB +TYPE.*\nj1 .*1 +0\n$/);
  });

  it("schedules a method for later and cancels it", async () => {
    const start = new Date(cli.hub.clock.now() + 3_600_000).toISOString();
    const job = await json(
      "job",
      "create",
      "--jt",
      "scheduleDeviceMethod",
      "-q",
      "*",
      "--mn",
      "reboot",
      "--mp",
      "[1]",
      "--start",
      start,
      "--ttl",
      "60",
    );
    expect(job).toMatchObject({ status: "scheduled", maxExecutionTimeInSeconds: 60 });
    expect(job.cloudToDeviceMethod).toMatchObject({ methodName: "reboot", payload: [1] });
    expect((await json("job", "cancel", "-j", job.jobId)).status).toBe("cancelled");
    const again = await twinhub("job", "cancel", "-j", job.jobId);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("InvalidOperation")]);
  });

  it("tells what a job lacks", async () => {
    const outcome = await twinhub("job", "create", "--jt", "scheduleUpdateTwin", "-q", "*");
    expect([outcome.code, outcome.err]).toEqual([2, expect.stringContaining("--twin-patch")]);
  });

  it("keeps devices as a configuration wants them", async () => {
    writeFileSync(
      path.join(cli.directory, "content.json"),
      '{"content":{"deviceContent":{"properties.desired.x":1}}}',
    );
    const made = await json(
      "configuration",
      "create",
      "-c",
      "Mine",
      "-k",
      "@content.json",
      "--tc",
      "*",
      "--pri",
      "3",
      "--metrics",
      '{"queries":{"q":"select deviceId from devices"}}',
    );
    expect(made).toMatchObject({ id: "mine", priority: 3, targetCondition: "*" });
    await vi.waitFor(async () => {
      const metric = await json(
        "configuration",
        "show-metric",
        "-c",
        "mine",
        "-m",
        "appliedCount",
        "--mt",
        "system",
      );
      expect(metric.result).toEqual([{ deviceId: "d1" }, { deviceId: "edge" }]);
    });
    expect(
      (await json("configuration", "show-metric", "-c", "mine", "-m", "q")).result,
    ).toHaveLength(2);
    const changed = await json("configuration", "update", "-c", "mine", "--set", "priority=5");
    expect(changed).toMatchObject({ priority: 5, content: made.content });
    expect(await json("configuration", "list")).toMatchObject([{ id: "mine" }]);
    expect(await json("edge-deployment", "list")).toEqual([]);
    await json("configuration", "delete", "-c", "mine");
    const gone = await twinhub("configuration", "show", "-c", "mine");
    expect([gone.code, gone.err]).toEqual([1, expect.stringContaining("ConfigurationNotFound")]);
  });

  it("sets the modules of an edge device, and deploys to it", async () => {
    const agent = { "properties.desired": { modules: { cam: {} } } };
    const content = JSON.stringify({ modulesContent: { $edgeAgent: agent } });
    const modules = await json("edge-set-modules", "-d", "edge", "-k", content);
    expect(modules.map((module: { moduleId: string }) => module.moduleId)).toContain("cam");
    await json("edge-deployment", "create", "-d", "dep", "-k", content, "--tc", "*");
    expect(await json("edge-deployment", "list")).toMatchObject([{ id: "dep" }]);
    const wrong = await twinhub("configuration", "create", "-c", "c", "-k", content);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--content")]);
  });
});

describe("twinhub device-identity export and import", () => {
  it("write the registry to the hub's storage, and take it back", async () => {
    const job = await json("device-identity", "export", "--ik", "--ic", "--wait");
    expect(job).toMatchObject({
      type: "export",
      status: "completed",
      excludeKeysInExport: false,
      includeConfigurations: true,
      outputBlobName: "devices.txt",
    });
    expect(job.outputBlobContainerUri).toMatch(/\/uploads\/~registry$/);
    await json("device-identity", "delete", "-d", "d1");
    const again = await json("device-identity", "import", "--wait");
    expect(again).toMatchObject({ type: "import", status: "completed" });
    expect((await json("module-identity", "show", "-d", "d1", "-m", "m1")).moduleId).toBe("m1");
  });

  it("say what a container must be", async () => {
    const { code, err } = await twinhub("device-identity", "export", "--bcu", "file:///etc");
    expect(code).toBe(1);
    expect(err).toMatch(/BlobContainerValidationError/);
  });
});
