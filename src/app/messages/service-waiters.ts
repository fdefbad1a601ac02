import { feedbackBatchTime } from "../../domain/messages/feedback.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Clock } from "../ports.ts";

/** How long a service may keep a message before somebody else may take it, in milliseconds (spec/semantics §9.1). */
export const serviceLockTime: Milliseconds = 60_000;

/**
 * Whoever waits for messages to services. They are told when something happened, and again when time alone makes
 * a message available: when a batch of feedback is due, and when a lock has run out. At most one timer for each.
 */
export class ServiceWaiters {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Map<Milliseconds, () => void>();
  /** Delays asked for once more while their timer ran. */
  readonly #again = new Set<Milliseconds>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** There may be a message now; if it is feedback, its batch is due a little later at the latest. */
  changed(): void {
    this.#tell();
    this.#tellAfter(feedbackBatchTime);
  }

  /** A service has taken a message, which may come back. */
  taken(): void {
    this.#tellAfter(serviceLockTime);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #tellAfter(delay: Milliseconds): void {
    if (this.#timers.has(delay)) {
      this.#again.add(delay);
      return;
    }
    this.#timers.set(
      delay,
      this.#clock.after(delay, () => {
        this.#timers.delete(delay);
        this.#tell();
        if (this.#again.delete(delay)) this.#tellAfter(delay);
      }),
    );
  }
}
