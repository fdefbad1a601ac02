import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import device from "azure-iot-device";
import iothub from "azure-iothub";
import type { JobClient } from "azure-iothub";
import { describe, expect, it, vi } from "vitest";
import { freeAddress, startHubProcess } from "../../samples/hub-process.ts";
import { hubOfFile } from "./hub.ts";
import { kinds, openClient, plain, register, registryOf, trust } from "./support.ts";
import type { HubAddress, Subject } from "./support.ts";

const hub = await hubOfFile();
const jobs = iothub.JobClient.fromConnectionString(hub.connectionString);

interface Job {
  readonly status: string;
  readonly deviceJobStatistics: Readonly<Record<string, number>>;
}

async function ended(client: JobClient, id: string): Promise<Job> {
  return vi.waitFor(
    async () => {
      const { jobStatus } = (await client.getJob(id)) as unknown as { jobStatus: Job };
      expect(["completed", "failed", "cancelled"]).toContain(jobStatus.status);
      return jobStatus;
    },
    { timeout: 60_000, interval: 50 },
  );
}

function only({ deviceId, moduleId }: Subject): string {
  return moduleId === undefined
    ? `deviceId = '${deviceId}'`
    : `from devices.modules where deviceId = '${deviceId}' and moduleId = '${moduleId}'`;
}

async function rowsOf(jobId: string) {
  const text = `select * from devices.jobs where jobId = '${jobId}'`;
  return (await registryOf(hub).createQuery(text).next()).result as readonly object[];
}

describe.each(kinds)("a job of the service SDK over a %s", (kind) => {
  it("patches its twin", async () => {
    const subject = await register(hub, kind);
    const id = `twin-${kind}`;
    const patch = { etag: "*", tags: { a: 1 }, properties: { desired: { speed: 3 } } };
    await jobs.scheduleTwinUpdate(id, only(subject), patch, new Date(), 300);
    expect(await ended(jobs, id)).toMatchObject({
      status: "completed",
      deviceJobStatistics: { deviceCount: 1, succeededCount: 1 },
    });
    const twin = await subject.twin();
    expect([twin.tags, plain(twin.properties.desired)]).toEqual([{ a: 1 }, { speed: 3 }]);
  });

  it("calls its method and keeps the answer", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    const answer = (
      request: { payload: unknown },
      response: { send: (status: number, payload: unknown) => unknown },
    ): void => void response.send(207, { got: request.payload });
    if (client instanceof device.Client) client.onDeviceMethod("go", answer);
    else client.onMethod("go", answer as never);
    const id = `method-${kind}`;
    const call = {
      methodName: "go",
      payload: [1],
      responseTimeoutInSeconds: 30,
      connectTimeoutInSeconds: 30,
    };
    await jobs.scheduleDeviceMethod(id, only(subject), call);
    expect(await ended(jobs, id)).toMatchObject({ status: "completed" });
    expect(await rowsOf(id)).toMatchObject([
      {
        deviceId: subject.deviceId,
        status: "completed",
        outcome: { deviceMethodResponse: { status: 207, payload: { got: [1] } } },
      },
    ]);
  });

  it("is cancelled before it is due", async () => {
    const subject = await register(hub, kind);
    const id = `later-${kind}`;
    await jobs.scheduleTwinUpdate(
      id,
      only(subject),
      { etag: "*", tags: { a: 1 } },
      new Date(Date.now() + 3_600_000),
    );
    await jobs.cancelJob(id);
    expect((await ended(jobs, id)).status).toBe("cancelled");
    const query = jobs.createQuery("scheduleUpdateTwin", "cancelled", 10);
    const found = (await query.next()).result as readonly { jobId: string }[];
    expect(found.map(({ jobId }) => jobId)).toContain(id);
  });
});

describe("the service SDK asking for what cannot be", () => {
  it("is told of unknown jobs, ids in use and bad conditions", async () => {
    await expect(jobs.getJob("nobody")).rejects.toMatchObject({ response: { statusCode: 404 } });
    const patch = { etag: "*", tags: { a: 1 } };
    await jobs.scheduleTwinUpdate(7, "deviceId = 'x'", patch);
    await expect(jobs.scheduleTwinUpdate(7, "deviceId = 'x'", patch)).rejects.toMatchObject({
      response: { statusCode: 409 },
    });
    await expect(jobs.scheduleTwinUpdate("worse", "deviceId = ", patch)).rejects.toMatchObject({
      name: "ArgumentError",
    });
  });
});

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");

describe("a hub that is killed in the middle of a job", () => {
  it("goes on with it when it is started again, and writes no twin twice", async () => {
    const data = await mkdtemp(path.join(tmpdir(), "twinhub-jobs-"));
    const address = await freeAddress(
      Array.from({ length: 100 }, (_, index) => `127.0.78.${index + 1}`),
    );
    const start = async (...more: string[]) => {
      const options = ["--data", data, "--log-level", "warn", ...more];
      const running = await startHubProcess(main, address, options);
      const caPem = await readFile(running.caFile, "utf8");
      const killed: HubAddress = { ...running, caPem };
      trust(killed);
      return {
        running,
        client: iothub.JobClient.fromConnectionString(running.connectionString),
        killed,
      };
    };
    // Slowly enough to be killed in the middle, whatever the machine: a burst of a second, and then 100 in each.
    const slowly = ["--throttle-limits", "jobDevices=100/s", "--throttle-burst", "1"];
    let { running, client, killed } = await start(...slowly);
    try {
      const devices = Array.from({ length: 1_500 }, (_, n) => ({ deviceId: `d${n}` }));
      for (let n = 0; n < devices.length; n += 100)
        await registryOf(killed).addDevices(devices.slice(n, n + 100));
      await client.scheduleTwinUpdate("big", "*", { etag: "*", properties: { desired: { n: 1 } } });
      const before = await vi.waitFor(
        async () => {
          const { jobStatus } = (await client.getJob("big")) as unknown as { jobStatus: Job };
          expect(jobStatus.deviceJobStatistics["succeededCount"]).toBeGreaterThan(0);
          return jobStatus;
        },
        { interval: 1 },
      );
      running.program.kill("SIGKILL");
      await running.program.ended;
      expect(before.status).toBe("running");
      ({ running, client, killed } = await start());
      expect(await ended(client, "big")).toMatchObject({
        status: "completed",
        deviceJobStatistics: { deviceCount: 1_500, succeededCount: 1_500, failedCount: 0 },
      });
      const query = registryOf(killed).createQuery(
        "select count() as n from devices where properties.desired.$version = 2 and properties.desired.n = 1",
      );
      expect((await query.next()).result).toEqual([{ n: 1_500 }]);
    } finally {
      await running.stop();
      await rm(data, { recursive: true, force: true });
    }
  });
});
