import { HubError } from "../../domain/errors.ts";
import { type Job, cancelJob } from "../../domain/jobs/job.ts";
import { jobView } from "../../domain/jobs/job-view.ts";
import { readJob } from "../../domain/jobs/read-job.ts";
import type { JsonObject } from "../../domain/json.ts";
import { readContinuation, writeContinuation } from "../../domain/query/continuation.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { dropOldJobs, maxJobs } from "./drop-old-jobs.ts";
import { addJob, allJobs, findJob, hasJob, moveJob, workOf } from "./stored-jobs.ts";

/** Jobs of one page when the caller does not say, and at the most. */
const defaultPage = 100;
const maxPage = 1000;

/** Which jobs to list; what no job has finds none. */
export interface JobFilter {
  readonly type?: string | undefined;
  readonly status?: string | undefined;
}

export interface JobPage {
  readonly items: readonly JsonObject[];
  /** Leads to the next page; null on the last one. */
  readonly continuation: string | null;
}

/** Makes a job that runs when it is due; `body` as it came (spec/rest §8.12). */
export async function createJob(
  context: HubContext,
  principal: Principal,
  jobId: string,
  body: JsonObject,
): Promise<JsonObject> {
  demand(principal, "ServiceConnect");
  const { job, work } = readJob(jobId, body, context.clock.now(), context.settings.queryDialect);
  await dropOldJobs(context, 1);
  await context.store.transaction(null, (tx) => {
    if (hasJob(tx, jobId))
      throw new HubError("JobAlreadyExists", `There is a job '${jobId}' already`);
    if (allJobs(tx).length >= maxJobs)
      throw new HubError("JobQuotaExceeded", `The hub has ${maxJobs} jobs, its limit`);
    addJob(tx, job, work);
  });
  context.jobs.add(jobId, job.startTime);
  return jobView(job, work);
}

export async function getJob(
  context: HubContext,
  principal: Principal,
  jobId: string,
): Promise<JsonObject> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) => viewOf(tx, findJob(tx, jobId)));
}

/** Refuses with InvalidOperation a job that is finished. */
export async function cancelJobById(
  context: HubContext,
  principal: Principal,
  jobId: string,
): Promise<JsonObject> {
  demand(principal, "ServiceConnect");
  const view = await context.store.transaction(null, (tx) => {
    const cancelled = cancelJob(findJob(tx, jobId), tx.now);
    moveJob(tx, cancelled);
    return viewOf(tx, cancelled);
  });
  context.jobs.forget(jobId);
  return view;
}

/** A page of jobs in the order of their ids. */
export async function listJobs(
  context: HubContext,
  principal: Principal,
  { type, status }: JobFilter,
  options: { readonly pageSize?: number | undefined; readonly continuation?: string | undefined },
): Promise<JobPage> {
  demand(principal, "ServiceConnect");
  const { pageSize = defaultPage, continuation } = options;
  const size =
    Number.isInteger(pageSize) && pageSize > 0 ? Math.min(pageSize, maxPage) : defaultPage;
  const text = `jobs ${type ?? ""} ${status ?? ""}`;
  const after = continuation === undefined ? [] : readContinuation(text, continuation).after;
  const [last = ""] = after;
  return context.store.transaction(null, (tx) => {
    const found = allJobs(tx).filter(
      (job) =>
        job.id > last &&
        (type === undefined || job.type === type) &&
        (status === undefined || job.status === status),
    );
    const page = found.slice(0, size);
    const end = page.at(-1)?.id ?? "";
    return {
      items: page.map((job) => viewOf(tx, job)),
      continuation:
        found.length > size ? writeContinuation(text, { after: [end], delivered: 0 }) : null,
    };
  });
}

function viewOf(tx: HubTx, job: Job): JsonObject {
  return jobView(job, workOf(tx, job.id));
}
