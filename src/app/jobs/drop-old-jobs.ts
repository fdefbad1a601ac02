import { isFinished } from "../../domain/jobs/job.ts";
import type { HubContext } from "../context.ts";
import { allJobs, findJob, removeSomeOf } from "./stored-jobs.ts";

/** How long a finished job is remembered, in milliseconds: 30 days (spec/semantics §12). */
const retention = 30 * 86_400_000;
/** Jobs that a hub remembers, finished or not. */
export const maxJobs = 1_000;

/** Forgets jobs that have been finished for long, and the oldest finished ones until there is `room` for more. */
export async function dropOldJobs(context: HubContext, room = 0): Promise<void> {
  const jobs = await context.store.transaction(null, allJobs);
  const finished = jobs.filter(isFinished).toSorted((a, b) => (a.endTime ?? 0) - (b.endTime ?? 0));
  const tooMany = jobs.length + room - maxJobs;
  const before = context.clock.now() - retention;
  for (const [index, { id, endTime }] of finished.entries()) {
    if (index >= tooMany && (endTime ?? 0) >= before) return;
    let gone = false;
    while (!gone)
      gone = await context.store.transaction(null, (tx) => removeSomeOf(tx, findJob(tx, id)));
  }
}
