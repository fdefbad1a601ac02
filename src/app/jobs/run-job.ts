import type { IdentityKey } from "../../domain/identity/key.ts";
import {
  type Job,
  completeJob,
  deadlineOf,
  failJob,
  startJob,
  withTargets,
} from "../../domain/jobs/job.ts";
import { readJobTarget } from "../../domain/jobs/read-job.ts";
import { HubError } from "../../domain/errors.ts";
import type { HubContext } from "../context.ts";
import { findTargets } from "./find-targets.ts";
import { runMethods } from "./run-methods.ts";
import { chunkSize, findJob, moveJob, putChunk, putJob, workOf } from "./stored-jobs.ts";
import { updateTwins } from "./update-twins.ts";

/**
 * Runs a job whose turn has come from where it is to its end, or until `isStopped`. Every step is one transaction that
 * moves the job on, so that after a crash it goes on where it was: no twin is written twice.
 */
export async function runJob(
  context: HubContext,
  jobId: string,
  isStopped: () => boolean,
): Promise<void> {
  let job = await change(context, jobId, (found, now) => startJob(found, now));
  job = await writeTargets(context, job, isStopped);
  const work = await context.store.transaction(null, (tx) => workOf(tx, jobId));
  while (job.status === "running" && !isStopped()) {
    if (context.clock.now() >= deadlineOf(job)) job = await change(context, jobId, expire);
    else if (job.nextChunk >= job.targets.chunks)
      job = await change(context, jobId, (found, now) => completeJob(found, now));
    else {
      await context.paceJob(targetsOfNextChunk(job));
      if (work.type === "scheduleUpdateTwin") job = await updateTwins(context, jobId, work);
      else job = await runMethods(context, jobId, work);
    }
  }
}

function targetsOfNextChunk({ counts, nextChunk }: Job): number {
  return Math.min(chunkSize, counts.total - nextChunk * chunkSize);
}

/** The change of a running job; one that has ended meanwhile stays as it is. */
function change(
  context: HubContext,
  jobId: string,
  to: (job: Job, now: number) => Job,
): Promise<Job> {
  return context.store.transaction(null, (tx) => {
    const job = findJob(tx, jobId);
    if (job.status === "cancelled") return job;
    const changed = to(job, tx.now);
    if (changed.status !== job.status) moveJob(tx, changed);
    else if (changed !== job) putJob(tx, changed);
    return changed;
  });
}

function expire(job: Job, now: number): Job {
  const seconds = job.maxExecutionTime / 1000;
  return failJob(
    job,
    now,
    `The job ran longer than ${seconds} seconds, its maximum execution time`,
  );
}

/** Writes down whom the job means now, chunk by chunk, before any of them is touched. */
async function writeTargets(
  context: HubContext,
  begun: Job,
  isStopped: () => boolean,
): Promise<Job> {
  let job = begun;
  if (job.targets.complete || job.status !== "running") return job;
  const add = async (keys: readonly IdentityKey[], complete: boolean): Promise<void> => {
    job = await context.store.transaction(null, (tx) => {
      const found = findJob(tx, job.id);
      if (found.status !== "running") return found;
      if (keys.length > 0) putChunk(tx, job.id, found.targets.chunks, keys);
      const added = withTargets(found, keys, complete);
      putJob(tx, added);
      return added;
    });
  };
  try {
    const target = readJobTarget(job.queryCondition, context.settings.queryDialect);
    let keys: IdentityKey[] = [];
    for await (const key of findTargets(context, target, job.targets.after)) {
      keys.push(key);
      if (keys.length < chunkSize) continue;
      await add(keys, false);
      keys = [];
      if (isStopped() || job.status !== "running") return job;
    }
    await add(keys, true);
    return job;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    const { message } = error;
    return change(context, job.id, (found, now) => failJob(found, now, message));
  }
}
