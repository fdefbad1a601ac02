import { HubError } from "../../domain/errors.ts";
import { type RateLimit, type RateState, admit, idle } from "../../domain/throttling/rate.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Clock } from "../ports.ts";

/** Operations of one throttle that may wait for their turn. */
const maxWaiting = 10_000;

interface Waiter {
  readonly due: Milliseconds;
  readonly resolve: () => void;
  readonly reject: (error: HubError) => void;
}

/** What a throttle has done since the hub started. */
export interface ThrottleCounts {
  readonly admitted: number;
  /** Were put off; when only observing, would have been. */
  readonly delayed: number;
  /** Were refused; when only observing, would have been. */
  readonly refused: number;
  readonly waiting: number;
  /** The highest cost of one second. */
  readonly peak: number;
}

/** One throttle: lets operations pass at once, later in their order, or not. */
export class Throttle {
  readonly limit: RateLimit;
  readonly #title: string;
  readonly #clock: Clock;
  readonly #enforces: boolean;
  readonly #waiting: Waiter[] = [];
  #state: RateState = idle;
  #cancelTimer: (() => void) | undefined;
  #admitted = 0;
  #delayed = 0;
  #refused = 0;
  #second = 0;
  #inSecond = 0;
  #peak = 0;

  /** `title` stands in refusals. One that does not enforce counts only. */
  constructor(title: string, limit: RateLimit, clock: Clock, enforces: boolean) {
    this.#title = title;
    this.limit = limit;
    this.#clock = clock;
    this.#enforces = enforces;
  }

  get counts(): ThrottleCounts {
    return {
      admitted: this.#admitted,
      delayed: this.#delayed,
      refused: this.#refused,
      waiting: this.#waiting.length,
      peak: this.#peak,
    };
  }

  /** Nothing if the operation may go on at once, else when it may. Throws ThrottlingException. */
  admit(cost: number): Promise<void> | undefined {
    const now = this.#clock.now();
    this.#measure(cost, now);
    const admission =
      this.#waiting.length < maxWaiting ? admit(this.limit, this.#state, cost, now) : null;
    if (admission === null) {
      this.#refused++;
      if (this.#enforces) throw this.#refusal();
      return undefined;
    }
    this.#state = admission.state;
    this.#admitted++;
    if (admission.delay > 0) this.#delayed++;
    // Whoever comes while others wait stays behind them, even if the timer is late.
    if (!this.#enforces || (admission.delay === 0 && this.#waiting.length === 0)) return undefined;
    return this.#wait(now + admission.delay);
  }

  /** The same for the hub's own work, which waits as long as it takes. */
  async pace(cost: number): Promise<void> {
    const now = this.#clock.now();
    this.#measure(cost, now);
    const admission = admit(
      { ...this.limit, maxDelay: Number.POSITIVE_INFINITY },
      this.#state,
      cost,
      now,
    );
    if (admission === null) return;
    this.#state = admission.state;
    this.#admitted++;
    if (admission.delay === 0) return;
    this.#delayed++;
    if (this.#enforces) await this.#wait(now + admission.delay);
  }

  /** Refuses whatever waits. */
  stop(): void {
    this.#cancelTimer?.();
    for (const { reject } of this.#waiting.splice(0))
      reject(new HubError("ServiceUnavailable", "The hub is stopping"));
  }

  #measure(cost: number, now: Milliseconds): void {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += cost;
    if (this.#inSecond > this.#peak) this.#peak = this.#inSecond;
  }

  #wait(due: Milliseconds): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ due, resolve, reject });
      if (this.#waiting.length === 1) this.#wakeAt(due);
    });
  }

  #wakeAt(due: Milliseconds): void {
    this.#cancelTimer = this.#clock.after(Math.max(0, due - this.#clock.now()), () => this.#wake());
  }

  #wake(): void {
    const now = this.#clock.now();
    let passed = 0;
    for (const { due } of this.#waiting) {
      if (due > now) break;
      passed++;
    }
    for (const { resolve } of this.#waiting.splice(0, passed)) resolve();
    const [next] = this.#waiting;
    if (next !== undefined) this.#wakeAt(next.due);
  }

  /** As the cloud words it (spec/rest §7.4, 429003). */
  #refusal(): HubError {
    const wait = Math.max(1, Math.ceil((this.#state - this.#clock.now()) / 1000));
    return new HubError(
      "ThrottlingException",
      `The request has been throttled. Wait ${wait} seconds and try again. Operation type: ${this.#title}`,
    );
  }
}
