import { isFinished } from "../../domain/jobs/job.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { dropOldJobs } from "./drop-old-jobs.ts";
import { runJob } from "./run-job.ts";
import { allJobs } from "./stored-jobs.ts";

/** A job that could not go on, for example because the disk is full, is tried again after this, in milliseconds. */
const retryAfter: Milliseconds = 5_000;
/** The longest wait of one timer: the machine's clock may be set forward meanwhile. */
const longestWait: Milliseconds = 60_000;
/** How often old jobs are looked for, in milliseconds. */
const sweepEvery: Milliseconds = 3_600_000;

/** Gives jobs their turn: in the order of their start, a few at the same time. Knows every job that is not finished. */
export class JobRunner {
  readonly #context: HubContext;
  readonly #running = new Set<string>();
  /** When each job is due; as many as the hub keeps at most. */
  readonly #waiting = new Map<string, Milliseconds>();
  #cancelTimer = (): void => {};
  #cancelSweep = (): void => {};
  #stopped = false;

  constructor(context: HubContext) {
    this.#context = context;
  }

  /** Takes up all jobs that an earlier process left unfinished. */
  async start(): Promise<void> {
    const jobs = await this.#context.store.transaction(null, allJobs);
    for (const job of jobs) if (!isFinished(job)) this.#waiting.set(job.id, job.startTime);
    this.#sweepLater();
    this.#wake();
  }

  /** A job has been made that is due at `startTime`. */
  add(jobId: string, startTime: Milliseconds): void {
    this.#waiting.set(jobId, startTime);
    this.#wake();
  }

  /** A job that waited is not wanted any more. */
  forget(jobId: string): void {
    this.#waiting.delete(jobId);
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#cancelSweep();
  }

  #wake(): void {
    this.#cancelTimer();
    const { clock, settings } = this.#context;
    for (;;) {
      if (this.#stopped || this.#running.size >= settings.jobConcurrency) return;
      const [first] = [...this.#waiting].toSorted(([, a], [, b]) => a - b);
      if (first === undefined) return;
      const [jobId, due] = first;
      const wait = due - clock.now();
      if (wait > 0) {
        this.#cancelTimer = clock.after(Math.min(wait, longestWait), () => this.#wake());
        return;
      }
      this.#run(jobId);
    }
  }

  #run(jobId: string): void {
    const { clock, log } = this.#context;
    this.#waiting.delete(jobId);
    this.#running.add(jobId);
    runJob(this.#context, jobId, () => this.#stopped)
      .catch((error: unknown) => {
        if (this.#stopped) return;
        log.error({ err: error, jobId }, "a job could not go on; it is tried again");
        this.#waiting.set(jobId, clock.now() + retryAfter);
      })
      .finally(() => {
        this.#running.delete(jobId);
        this.#wake();
      });
  }

  #sweepLater(): void {
    const { clock, log } = this.#context;
    this.#cancelSweep = clock.after(sweepEvery, () => {
      dropOldJobs(this.#context)
        .catch((error: unknown) => log.error({ err: error }, "old jobs could not be dropped"))
        .finally(() => {
          if (!this.#stopped) this.#sweepLater();
        });
    });
  }
}
