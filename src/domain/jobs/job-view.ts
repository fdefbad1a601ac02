import type { JobChanged } from "../events/hub-event.ts";
import type { IdentityKey } from "../identity/key.ts";
import type { JsonObject } from "../json.ts";
import { type Milliseconds, timeText } from "../time.ts";
import { present } from "../twin/section-view.ts";
import { type Job, type JobRow, type JobStatus, type JobWork, isFinished } from "./job.ts";

/** The JobResponse of spec/rest §8.12. Never both names of a time: Java refuses the pair. */
export function jobView(job: Job, work: JobWork): JsonObject {
  return summaryOf(
    job,
    work.type === "scheduleUpdateTwin"
      ? { updateTwin: work.updateTwin }
      : { cloudToDeviceMethod: work.cloudToDeviceMethod },
  );
}

function summaryOf(job: Job, work: JsonObject): JsonObject {
  const { total, running, succeeded, failed } = job.counts;
  return present({
    jobId: job.id,
    queryCondition: job.queryCondition,
    createdTime: timeText(job.createdTime),
    startTime: timeText(job.startTime),
    endTime: job.endTime === null ? null : timeText(job.endTime),
    maxExecutionTimeInSeconds: job.maxExecutionTime / 1000,
    type: job.type,
    ...work,
    status: job.status,
    failureReason: job.failureReason ?? undefined,
    statusMessage: job.failureReason ?? undefined,
    deviceJobStatistics: {
      deviceCount: total,
      failedCount: failed,
      succeededCount: succeeded,
      runningCount: running,
      pendingCount: isFinished(job) ? 0 : total - running - succeeded - failed,
    },
  });
}

/** What happened to a job that is at this stage of its life. */
const operations: Record<JobStatus, JobChanged["operation"]> = {
  queued: "createJob",
  scheduled: "createJob",
  running: "startJob",
  completed: "completeJob",
  failed: "failJob",
  cancelled: "cancelJob",
};

/** A job's new stage as an event: its view without the patch or the method, which may be large. */
export function jobChanged(job: Job, at: Milliseconds): JobChanged {
  const view = summaryOf(job, {});
  return { type: "jobChanged", at, jobId: job.id, operation: operations[job.status], job: view };
}

/** A row of `devices.jobs`; unknown times are left out, as .NET wants it (spec/semantics §12, spec/rest §8.12). */
export function jobRowView(job: Job, key: IdentityKey, row: JobRow | undefined): JsonObject {
  const updated = row?.endTime ?? row?.startTime ?? job.endTime ?? job.startedTime;
  return present({
    deviceId: key.deviceId,
    moduleId: key.moduleId,
    jobId: job.id,
    jobType: job.type,
    status: row?.status ?? statusWithoutRow(job),
    startTimeUtc: row && timeText(row.startTime),
    endTimeUtc: textOf(row === undefined ? job.endTime : row.endTime),
    createdDateTimeUtc: timeText(job.createdTime),
    lastUpdatedDateTimeUtc: timeText(updated ?? job.createdTime),
    outcome: row?.response && { deviceMethodResponse: row.response },
    error: row?.error ?? errorWithoutRow(job),
  });
}

function textOf(time: number | null | undefined): string | undefined {
  return time == null ? undefined : timeText(time);
}

/** `canceled` has one `l` in rows. */
function statusWithoutRow({ status }: Job): string {
  switch (status) {
    case "cancelled":
      return "canceled";
    case "failed":
      return "failed";
    case "scheduled":
      return "scheduled";
    case "queued":
    case "running":
    case "completed":
      return "pending";
  }
}

function errorWithoutRow({ status, failureReason }: Job): JsonObject | undefined {
  if (status !== "failed") return undefined;
  return { code: "JobRunPreconditionFailed", description: failureReason ?? "The job failed" };
}
