import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText, parseKeyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Job, JobRow, JobWork } from "../../domain/jobs/job.ts";
import { jobChanged } from "../../domain/jobs/job-view.ts";
import type { HubTx } from "../ports.ts";

/** Targets of one chunk: what one transaction does, or what is in flight at the same time. */
export const chunkSize = 100;

const jobs = "jobs";
const works = "jobWork";
const chunksOf = (jobId: string): string => `jobTargets/${jobId}`;
const rowsOf = (jobId: string): string => `jobRows/${jobId}`;
const chunkId = (chunk: number): string => String(chunk).padStart(8, "0");

/** In ordinal order of their ids. */
export function allJobs(tx: HubTx): readonly Job[] {
  return tx.documents(jobs).map(({ value }) => value as unknown as Job);
}

/** Refuses with JobNotFound. */
export function findJob(tx: HubTx, jobId: string): Job {
  const job = tx.document(jobs, jobId);
  if (job !== undefined) return job as unknown as Job;
  const shown = jobId.slice(0, 128).replaceAll(";", " ");
  throw new HubError("JobNotFound", `There is no job '${shown}'`);
}

export function hasJob(tx: HubTx, jobId: string): boolean {
  return tx.document(jobs, jobId) !== undefined;
}

export function workOf(tx: HubTx, jobId: string): JobWork {
  return tx.document(works, jobId) as unknown as JobWork;
}

export function addJob(tx: HubTx, job: Job, work: JobWork): void {
  putJob(tx, job);
  tx.putDocument(works, job.id, { ...work });
  tx.emit(jobChanged(job, tx.now));
}

/** Writes a job that has come to another stage of its life. */
export function moveJob(tx: HubTx, job: Job): void {
  putJob(tx, job);
  tx.emit(jobChanged(job, tx.now));
}

export function putJob(tx: HubTx, job: Job): void {
  tx.putDocument(jobs, job.id, job as unknown as JsonObject);
}

export function readChunk(tx: HubTx, jobId: string, chunk: number): readonly IdentityKey[] {
  const keys = tx.document(chunksOf(jobId), chunkId(chunk))?.["keys"];
  return Array.isArray(keys) ? (keys as readonly string[]).map(parseKeyText) : [];
}

export function putChunk(
  tx: HubTx,
  jobId: string,
  chunk: number,
  keys: readonly IdentityKey[],
): void {
  tx.putDocument(chunksOf(jobId), chunkId(chunk), { keys: keys.map(keyText) });
}

export function readRow(tx: HubTx, jobId: string, key: IdentityKey): JobRow | undefined {
  return tx.document(rowsOf(jobId), keyText(key)) as unknown as JobRow | undefined;
}

export function putRow(tx: HubTx, jobId: string, key: IdentityKey, row: JobRow): void {
  tx.putDocument(rowsOf(jobId), keyText(key), row as unknown as JsonObject);
}

/** Removes the last chunk of targets with its rows or, when there is none, the job; true when it is gone. */
export function removeSomeOf(tx: HubTx, job: Job): boolean {
  const last = job.targets.chunks - 1;
  if (last < 0) {
    tx.deleteDocument(works, job.id);
    tx.deleteDocument(jobs, job.id);
    return true;
  }
  for (const key of readChunk(tx, job.id, last)) tx.deleteDocument(rowsOf(job.id), keyText(key));
  tx.deleteDocument(chunksOf(job.id), chunkId(last));
  putJob(tx, { ...job, targets: { ...job.targets, chunks: last } });
  return false;
}
