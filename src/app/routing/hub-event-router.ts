import type { Milliseconds } from "../../domain/time.ts";
import type { Clock, CommittedEvent, HubStore, Log } from "../ports.ts";

/** Events that are routed in one step. */
const maxEvents = 200;
/** Events that nobody wanted may be looked at again after a crash: this many at most. */
const maxUnsaved = 1_000;
/** The wait after a failure, doubled by each further one up to the longest, in milliseconds. */
const firstRetryDelay: Milliseconds = 1_000;
const longestRetryDelay: Milliseconds = 30_000;

export interface HubEventRouterParts {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Sends the messages about events to their endpoints; resolves when they are durable there and, if any were sent or
   * `save` says so, the position `upTo` is too. Tells whether the position was saved.
   */
  readonly route: (
    events: readonly CommittedEvent[],
    upTo: number,
    save: boolean,
  ) => Promise<boolean>;
}

/**
 * Takes the outbox from a stored position on, in order. The position moves only when everything before it is durable at
 * its endpoints, so a crash loses no event; some may be sent again.
 */
export class HubEventRouter {
  readonly #parts: HubEventRouterParts;
  /** The last event that was routed; `null` while no route takes events of the hub. */
  #position: number | null = null;
  #saved = 0;
  #busy = false;
  #again = false;
  #failures = 0;
  #stopped = false;
  #cancelRetry: (() => void) | undefined;

  constructor(parts: HubEventRouterParts) {
    this.#parts = parts;
  }

  /** Events after this one are still needed; `null`: none are. */
  get position(): number | null {
    return this.#position;
  }

  /** Goes on after `position`, unless it is at work already. */
  start(position: number): void {
    if (this.#position !== null) return;
    this.#position = position;
    this.#saved = position;
    this.wake();
  }

  /** No route takes events of the hub any more. */
  pause(): void {
    this.#position = null;
  }

  /** There may be events. Costs nothing while no route takes any. */
  wake(): void {
    if (this.#position === null) return;
    this.#again = true;
    if (this.#busy || this.#stopped || this.#cancelRetry !== undefined) return;
    this.#busy = true;
    this.#run()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#busy = false;
        if (this.#again) this.wake();
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const position = this.#position;
      if (position === null) return;
      const events = await this.#parts.store.events(position, maxEvents);
      const last = events.at(-1)?.sequence;
      if (last === undefined) return;
      this.#tellGap(position, events);
      const save = last - this.#saved >= maxUnsaved;
      if (await this.#parts.route(events, last, save)) this.#saved = last;
      this.#failures = 0;
      // Routes may have been taken away meanwhile.
      if (this.#position === position) this.#position = last;
      this.#again = true;
    }
  }

  #tellGap(position: number, events: readonly CommittedEvent[]): void {
    const first = events[0]?.sequence ?? 0;
    if (first <= position + 1) return;
    const lost = first - position - 1;
    this.#parts.log.error({ lost }, "events were dropped from the outbox before they were routed");
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { log, clock } = this.#parts;
    log.error({ err: error, position: this.#position }, "events could not be routed");
    const delay = Math.min(longestRetryDelay, firstRetryDelay * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    this.#again = false;
    this.#cancelRetry = clock.after(delay, () => {
      this.#cancelRetry = undefined;
      this.wake();
    });
  }
}
