import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { jobStatuses, jobTypes } from "../../domain/jobs/job.ts";
import { UsageError } from "../cli-error.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { readJson, readObject } from "../json-input.ts";
import type { GivenOptions } from "../options.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["JOB", "jobId"],
  ["TYPE", "type"],
  ["STATUS", "status"],
  ["START", "startTime"],
  ["TARGETS", "deviceJobStatistics.deviceCount"],
  ["SUCCEEDED", "deviceJobStatistics.succeededCount"],
  ["FAILED", "deviceJobStatistics.failedCount"],
];

/** How often `--wait` looks, in milliseconds. */
const pollEvery = 1_000;

/** `job create | show | list | cancel`, as `az iot hub` has them. */
export function addJob(program: Command, io: Io): void {
  const group = program.command("job").description("jobs over many devices or modules");
  const type = (): Option =>
    new Option("--jt, --job-type <type>", "what it does").choices(jobTypes);
  hubCommand(
    group
      .command("create")
      .description("schedule a job")
      .option("-j, --job-id <id>", "of the job; made up if missing")
      .addOption(type().makeOptionMandatory())
      .requiredOption(
        "-q, --query-condition <condition>",
        "what follows WHERE in a query over devices, '*', or 'from devices.modules where …'",
      )
      .option("--patch, --twin-patch <json>", "for scheduleUpdateTwin: JSON object or @file")
      .option("--mn, --method-name <name>", "for scheduleDeviceMethod: the method")
      .option("--mp, --method-payload <json>", "JSON or @file; null if missing")
      .option("--mct, --method-connect-timeout <seconds>", "0 to 300")
      .option("--mrt, --method-response-timeout <seconds>", "5 to 300")
      .option("--start, --start-time <time>", "ISO 8601 in UTC; now if missing")
      .option("--ttl <seconds>", "how long it may run", "3600")
      .option("--wait", "until it has ended"),
    io,
    create,
  );
  const command = (name: string, text: string): Command =>
    group.command(name).description(text).requiredOption("-j, --job-id <id>", "the job");
  hubCommand(command("show", "show a job"), io, async ({ hub, options }) => ({
    value: await hub.object("GET", pathOf(options)),
  }));
  hubCommand(command("cancel", "cancel a job"), io, async ({ hub, options }) => ({
    value: await hub.object("POST", `${pathOf(options)}/cancel`),
  }));
  hubCommand(
    group
      .command("list")
      .description("list jobs")
      .addOption(type())
      .addOption(new Option("--js, --job-status <status>", "in this state").choices(jobStatuses))
      .option("--top <count>", "at most so many: 1 to 1000"),
    io,
    list,
  );
}

function pathOf(options: GivenOptions): string {
  return `/jobs/v2/${encodeURIComponent(options.required("jobId"))}`;
}

async function create(call: Call): Promise<Result> {
  const { hub, options, io } = call;
  const jobId = options.text("jobId") ?? randomUUID();
  const body = {
    jobId,
    type: options.required("jobType"),
    queryCondition: options.required("queryCondition"),
    startTime: options.text("startTime") ?? null,
    maxExecutionTimeInSeconds: options.integer("ttl", 1, 2_592_000) ?? 3600,
    ...workOf(call),
  };
  const path = `/jobs/v2/${encodeURIComponent(jobId)}`;
  let job = await hub.object("PUT", path, { body });
  while (options.toggle("wait") === true && job["endTime"] === null) {
    await new Promise((resolve) => setTimeout(resolve, pollEvery));
    job = await hub.object("GET", path);
  }
  if (job["status"] === "failed") io.err(`The job has failed: ${text(job["failureReason"])}\n`);
  return { value: job };
}

function workOf({ options, io }: Call): JsonObject {
  const patch = options.text("twinPatch");
  const methodName = options.text("methodName");
  if (options.required("jobType") === "scheduleUpdateTwin") {
    if (patch === undefined) throw new UsageError("scheduleUpdateTwin needs --twin-patch");
    return { updateTwin: { ...readObject("--twin-patch", patch, io.directory), etag: "*" } };
  }
  if (methodName === undefined) throw new UsageError("scheduleDeviceMethod needs --method-name");
  const payload = options.text("methodPayload");
  return {
    cloudToDeviceMethod: {
      methodName,
      payload: payload === undefined ? null : readJson("--method-payload", payload, io.directory),
      responseTimeoutInSeconds: options.integer("methodResponseTimeout", 5, 300) ?? 30,
      connectTimeoutInSeconds: options.integer("methodConnectTimeout", 0, 300) ?? 0,
    },
  };
}

async function list({ hub, options }: Call): Promise<Result> {
  const query: Record<string, string> = {};
  const jobType = options.text("jobType");
  if (jobType !== undefined) query["jobType"] = jobType;
  const jobStatus = options.text("jobStatus");
  if (jobStatus !== undefined) query["jobStatus"] = jobStatus;
  const size = options.integer("top", 1, 1000) ?? 1000;
  const headers = { "x-ms-max-item-count": String(size) };
  const { body } = await hub.request("GET", "/jobs/v2/query", { query, headers });
  return { value: body, columns };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "unknown";
}
