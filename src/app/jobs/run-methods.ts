import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { type Job, type JobRow, type JobWork, withRow } from "../../domain/jobs/job.ts";
import type { HubContext } from "../context.ts";
import { invokeMethod } from "../methods/invoke-method.ts";
import type { HubTx } from "../ports.ts";
import type { PolicyPrincipal } from "../principal.ts";
import { findJob, putJob, putRow, readChunk, readRow } from "./stored-jobs.ts";

/** As whom a job calls: its creator was asked for ServiceConnect. */
const caller: PolicyPrincipal = { kind: "policy", policy: "jobs", rights: ["ServiceConnect"] };

type MethodWork = JobWork & { type: "scheduleDeviceMethod" };

/**
 * Calls the method of all targets of a job's next chunk at once, waits for their answers and moves the job on. A call is
 * written down before it is made, and is never repeated after a crash: nobody knows whether it arrived.
 */
export async function runMethods(
  context: HubContext,
  jobId: string,
  work: MethodWork,
): Promise<Job> {
  const due = await context.store.transaction(null, (tx) => begin(tx, jobId));
  await Promise.all(due.map((key) => callOne(context, jobId, key, work)));
  return context.store.transaction(null, (tx) => {
    const job = findJob(tx, jobId);
    if (job.status !== "running") return job;
    const next = { ...job, nextChunk: job.nextChunk + 1 };
    putJob(tx, next);
    return next;
  });
}

/** Marks the targets that have not been called yet; those that were in flight when the hub ended have failed. */
function begin(tx: HubTx, jobId: string): readonly IdentityKey[] {
  const due: IdentityKey[] = [];
  let job = findJob(tx, jobId);
  if (job.status !== "running") return due;
  for (const key of readChunk(tx, jobId, job.nextChunk)) {
    const before = readRow(tx, jobId, key);
    if (before !== undefined && before.status !== "running") continue;
    const row: JobRow =
      before === undefined ? { status: "running", startTime: tx.now } : interrupted(before, tx.now);
    if (before === undefined) due.push(key);
    putRow(tx, jobId, key, row);
    job = withRow(job, before, row);
  }
  putJob(tx, job);
  return due;
}

function interrupted({ startTime }: JobRow, endTime: number): JobRow {
  const description = "The hub ended during the call, and does not know whether it was answered";
  return {
    status: "failed",
    startTime,
    endTime,
    error: { code: "ServiceUnavailable", description },
  };
}

async function callOne(
  context: HubContext,
  jobId: string,
  key: IdentityKey,
  { cloudToDeviceMethod }: MethodWork,
): Promise<void> {
  const outcome = await invokeMethod(context, caller, key, cloudToDeviceMethod).then(
    (response) => ({ status: "completed" as const, response }),
    (error: unknown) => {
      if (!(error instanceof HubError)) throw error;
      const { name: code, message: description } = error;
      return { status: "failed" as const, error: { code, description } };
    },
  );
  await context.store.transaction(null, (tx) => {
    const before = readRow(tx, jobId, key);
    if (before?.status !== "running") return;
    const row: JobRow = { startTime: before.startTime, endTime: tx.now, ...outcome };
    putRow(tx, jobId, key, row);
    putJob(tx, withRow(findJob(tx, jobId), before, row));
  });
}
