import { type IdentityKey, keyText, parseKeyText } from "../../domain/identity/key.ts";
import type { Job } from "../../domain/jobs/job.ts";
import { jobRowView } from "../../domain/jobs/job-view.ts";
import type { HubContext } from "../context.ts";
import type { QueryRow } from "../query/source-rows.ts";
import { allJobs, hasJob, readChunk, readRow } from "./stored-jobs.ts";

/**
 * The rows of `devices.jobs` after a position of `[jobId, target]`, in that order; the target is the text of a device's
 * or module's key. Reads a chunk of targets at a time; what is removed meanwhile is left out.
 */
export async function* jobRows(
  { store }: Pick<HubContext, "store">,
  after: readonly string[],
): AsyncGenerator<QueryRow> {
  const [lastJob = "", lastTarget] = after;
  const jobs = await store.transaction(null, allJobs);
  for (const job of jobs) {
    if (job.id < lastJob) continue;
    const last =
      job.id === lastJob && lastTarget !== undefined ? parseKeyText(lastTarget) : undefined;
    let chunk = last === undefined ? 0 : await chunkOf({ store }, job, last);
    for (; chunk < job.targets.chunks; chunk++) yield* await rowsOf({ store }, job, chunk, last);
  }
}

function rowsOf(
  { store }: Pick<HubContext, "store">,
  job: Job,
  chunk: number,
  last: IdentityKey | undefined,
): Promise<readonly QueryRow[]> {
  return store.transaction(null, (tx) => {
    if (!hasJob(tx, job.id)) return [];
    return readChunk(tx, job.id, chunk)
      .filter((key) => last === undefined || isAfter(key, last))
      .map((key) => ({
        row: jobRowView(job, key, readRow(tx, job.id, key)),
        device: undefined,
        key: [job.id, keyText(key)],
      }));
  });
}

/** The first chunk that may hold targets after `last`. */
function chunkOf(
  { store }: Pick<HubContext, "store">,
  job: Job,
  last: IdentityKey,
): Promise<number> {
  return store.transaction(null, (tx) => {
    let [low, high] = [0, job.targets.chunks];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const end = readChunk(tx, job.id, middle).at(-1);
      if (end === undefined || isAfter(end, last)) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** In ordinal order of (deviceId, moduleId), which is not that of their texts. */
function isAfter(key: IdentityKey, last: IdentityKey): boolean {
  if (key.deviceId !== last.deviceId) return key.deviceId > last.deviceId;
  return (key.moduleId ?? "") > (last.moduleId ?? "");
}
