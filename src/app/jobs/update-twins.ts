import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { type Job, type JobRow, type JobWork, withRow } from "../../domain/jobs/job.ts";
import type { JsonObject } from "../../domain/json.ts";
import { applyServicePatch } from "../../domain/twin/apply-desired.ts";
import { readServicePatch } from "../../domain/twin/patch.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";
import { findTwin } from "../twins/find-twin.ts";
import { saveTwinWrite } from "../twins/save-twin-write.ts";
import { findJob, putJob, putRow, readChunk } from "./stored-jobs.ts";

/** Patches the twins of a job's next chunk and moves the job on, in one transaction: each is written once. */
export function updateTwins(
  context: HubContext,
  jobId: string,
  { updateTwin }: JobWork & { type: "scheduleUpdateTwin" },
): Promise<Job> {
  return context.store.transaction(null, (tx) => {
    let job = findJob(tx, jobId);
    if (job.status !== "running") return job;
    for (const key of readChunk(tx, jobId, job.nextChunk)) {
      const row = updateOne(tx, key, updateTwin);
      putRow(tx, jobId, key, row);
      job = withRow(job, undefined, row);
    }
    job = { ...job, nextChunk: job.nextChunk + 1 };
    putJob(tx, job);
    return job;
  });
}

/** What fails at one target does not stop the job. */
function updateOne(tx: HubTx, key: IdentityKey, patch: JsonObject): JobRow {
  const times = { startTime: tx.now, endTime: tx.now };
  try {
    const { twin } = findTwin(tx, key);
    saveTwinWrite(tx, key, applyServicePatch(twin, readServicePatch(patch, key), tx.now));
    return { status: "completed", ...times };
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return { status: "failed", ...times, error: { code: error.name, description: error.message } };
  }
}
