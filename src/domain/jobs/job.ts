import { HubError } from "../errors.ts";
import type { IdentityKey } from "../identity/key.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";

export const jobTypes = ["scheduleUpdateTwin", "scheduleDeviceMethod"] as const;
export type JobType = (typeof jobTypes)[number];

/** A job is `scheduled` until its start, `queued` while it waits for its turn (spec/semantics §12). */
export const jobStatuses = [
  "queued",
  "scheduled",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** What a job does to each of its targets: the body that came with it. */
export type JobWork =
  | { readonly type: "scheduleUpdateTwin"; readonly updateTwin: JsonObject }
  | { readonly type: "scheduleDeviceMethod"; readonly cloudToDeviceMethod: JsonObject };

/** Targets by how far they have come; the others are pending. */
export interface JobCounts {
  readonly total: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** A job over devices or modules, without its work, which may be large. Immutable. */
export interface Job {
  readonly id: string;
  readonly type: JobType;
  readonly queryCondition: string;
  readonly createdTime: Milliseconds;
  /** When it is due. */
  readonly startTime: Milliseconds;
  /** How long it may run. */
  readonly maxExecutionTime: Milliseconds;
  readonly status: JobStatus;
  readonly startedTime: Milliseconds | null;
  readonly endTime: Milliseconds | null;
  /** The targets are written down in chunks; `complete` once all of them are, `after` the last one that was looked at. */
  readonly targets: {
    readonly complete: boolean;
    readonly after: IdentityKey | null;
    readonly chunks: number;
  };
  /** The first chunk that is not done. */
  readonly nextChunk: number;
  readonly counts: JobCounts;
  readonly failureReason: string | null;
}

/** What became of one target. A target without a row is pending, or shares its job's end. */
export interface JobRow {
  readonly status: "running" | "completed" | "failed";
  readonly startTime: Milliseconds;
  readonly endTime?: Milliseconds | undefined;
  /** A direct method's answer. */
  readonly response?: { readonly status: number; readonly payload: Json } | undefined;
  readonly error?: { readonly code: string; readonly description: string } | undefined;
}

export function isFinished({ status }: Pick<Job, "status">): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

export function deadlineOf(job: Job): Milliseconds {
  return (job.startedTime ?? job.startTime) + job.maxExecutionTime;
}

/** A job whose turn has come; one that runs already stays as it is. */
export function startJob(job: Job, now: Milliseconds): Job {
  if (job.status !== "queued" && job.status !== "scheduled") return job;
  return { ...job, status: "running", startedTime: now };
}

/** The job with one more chunk of targets, or with none when there are no more. */
export function withTargets(job: Job, keys: readonly IdentityKey[], complete: boolean): Job {
  const { targets, counts } = job;
  return {
    ...job,
    targets: {
      complete,
      after: keys.at(-1) ?? targets.after,
      chunks: targets.chunks + (keys.length > 0 ? 1 : 0),
    },
    counts: { ...counts, total: counts.total + keys.length },
  };
}

/** The job after a target has changed from one row to another; `undefined` stands for pending. */
export function withRow(job: Job, before: JobRow | undefined, after: JobRow): Job {
  const one = (row: JobRow | undefined, status: JobRow["status"]): number =>
    row?.status === status ? 1 : 0;
  const changed = (status: JobRow["status"]): number => one(after, status) - one(before, status);
  const { total, running, succeeded, failed } = job.counts;
  return {
    ...job,
    counts: {
      total,
      running: running + changed("running"),
      succeeded: succeeded + changed("completed"),
      failed: failed + changed("failed"),
    },
  };
}

/** The job when all of its targets are done. */
export function completeJob(job: Job, now: Milliseconds): Job {
  return { ...job, status: "completed", endTime: now };
}

/** The job that cannot go on; its pending targets have failed with it. */
export function failJob(job: Job, now: Milliseconds, failureReason: string): Job {
  const { total, succeeded } = job.counts;
  const counts = { total, succeeded, running: 0, failed: total - succeeded };
  return { ...job, status: "failed", endTime: now, failureReason, counts };
}

/**
 * The job without its pending targets; what is in flight comes to its end. Refuses with InvalidOperation a job that is
 * finished (spec/rest §8.12).
 */
export function cancelJob(job: Job, now: Milliseconds): Job {
  if (isFinished(job)) {
    throw new HubError(
      "InvalidOperation",
      `Job ${job.id} is ${job.status} and cannot be cancelled`,
    );
  }
  return { ...job, status: "cancelled", endTime: now };
}
