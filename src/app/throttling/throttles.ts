import type { JsonObject } from "../../domain/json.ts";
import type { Milliseconds } from "../../domain/time.ts";
import {
  type ThrottleLimits,
  type ThrottleName,
  methodStep,
  steps,
  throttleNames,
} from "../../domain/throttling/throttles.ts";
import type { HubContext } from "../context.ts";
import { DailyQuota } from "./daily-quota.ts";
import { Throttle } from "./throttle.ts";

export interface ThrottleSettings {
  /** What the limits are those of, for people: `S1`, or `own limits`. */
  readonly name: string;
  /** False: only counts what would have been put off or refused. */
  readonly enforces: boolean;
  readonly limits: ThrottleLimits;
  /** So much of each limit passes at once after a rest; "the first minute or two" on the cloud (spec/semantics §15.4). */
  readonly burst: Milliseconds;
  /** How long an operation is put off at the most. */
  readonly maxDelay: Milliseconds;
}

export interface ThrottleFigure {
  readonly operation: ThrottleName;
  readonly mode: "enforce" | "observe";
  readonly delayed: number;
  readonly refused: number;
}

/** As refusals name the operations. */
const titles: Readonly<Record<ThrottleName, string>> = {
  registry: "CRUD",
  connects: "DeviceConnect",
  telemetry: "D2CSend",
  c2dSends: "C2DSend",
  c2dReceives: "C2DReceive",
  fileUploads: "FileUpload",
  methods: "DirectMethod",
  queries: "Query",
  twinReads: "TwinRead",
  twinUpdates: "TwinUpdate",
  jobs: "Job",
  jobDevices: "JobDevice",
  configurations: "Configuration",
};

/** All throttles of a hub and its quota. What has no limit always passes. */
export class Throttles {
  readonly #settings: ThrottleSettings;
  readonly #throttles = new Map<ThrottleName, Throttle>();
  readonly #quota: DailyQuota | undefined;

  constructor(settings: ThrottleSettings, parts: Pick<HubContext, "store" | "clock" | "log">) {
    this.#settings = settings;
    const { limits, burst, maxDelay, enforces } = settings;
    for (const name of throttleNames) {
      const perSecond = limits.rates[name];
      if (perSecond === undefined) continue;
      const limit = { perSecond, burst, maxDelay };
      this.#throttles.set(name, new Throttle(titles[name], limit, parts.clock, enforces));
    }
    if (limits.quota !== null) this.#quota = new DailyQuota(limits.quota, parts, enforces);
  }

  async start(): Promise<void> {
    await this.#quota?.start();
  }

  stop(): void {
    for (const throttle of this.#throttles.values()) throttle.stop();
    this.#quota?.stop();
  }

  /** Runs `work` now, or when it may; rejects with ThrottlingException. What passes at once keeps its order. */
  async admit<T>(name: ThrottleName, cost: number, work: () => Promise<T>): Promise<T> {
    const wait = this.#throttles.get(name)?.admit(cost);
    if (wait !== undefined) await wait;
    return work();
  }

  /**
   * The same for what counts against the day's messages, by its size in bytes; rejects with IotHubQuotaExceeded when they
   * are used up.
   */
  async admitMessage<T>(
    name: ThrottleName,
    size: () => number,
    work: () => Promise<T>,
    answerSize: (answer: T) => number = () => 0,
  ): Promise<T> {
    const quota = this.#quota;
    quota?.check();
    const bytes = size();
    const wait = this.#throttles.get(name)?.admit(name === "methods" ? methodBytes(bytes) : 1);
    if (wait !== undefined) await wait;
    quota?.charge(steps(bytes, quota.quota.meter));
    const answer = await work();
    const more = answerSize(answer);
    if (more > 0) quota?.charge(steps(more, quota.quota.meter) - (bytes === 0 ? 1 : 0));
    return answer;
  }

  /** Waits until the hub's own work on so many targets may go on. */
  async pace(name: ThrottleName, cost: number): Promise<void> {
    await this.#throttles.get(name)?.pace(cost);
  }

  /** What each throttle has put off and refused, or would have. */
  get figures(): readonly ThrottleFigure[] {
    const mode = this.#settings.enforces ? "enforce" : "observe";
    return [...this.#throttles].map(([operation, { counts }]) => {
      const { delayed, refused } = counts;
      return { operation, mode, delayed, refused };
    });
  }

  /** `{mode, limits, throttles: [{name, perSecond, admitted, delayed, refused, waiting, peakPerSecond}], quota}`. */
  view(): JsonObject {
    const throttles = [...this.#throttles].map(([name, { limit, counts }]) => ({
      name,
      perSecond: limit.perSecond,
      admitted: counts.admitted,
      delayed: counts.delayed,
      refused: counts.refused,
      waiting: counts.waiting,
      peakPerSecond: counts.peak,
    }));
    const quota = this.#quota;
    const { enforces, name } = this.#settings;
    return {
      mode: enforces ? "enforce" : "observe",
      limits: name,
      throttles,
      quota:
        quota === undefined
          ? null
          : { perDay: quota.quota.perDay, meterBytes: quota.quota.meter, ...quota.state },
    };
  }
}

function methodBytes(bytes: number): number {
  return steps(bytes, methodStep) * methodStep;
}
