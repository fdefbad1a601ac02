import { HubError } from "../../domain/errors.ts";

/** Queries that are answered at the same time: each may take its bounded part of memory and of every turn of the event loop. */
const maxRunning = 4;
/** Queries that wait for their turn. */
const maxWaiting = 256;

/** Lets a bounded number of queries run, and the others wait in the order in which they came. */
export class QuerySlots {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Refuses with ThrottleBacklogLimitExceeded when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < maxRunning) this.#running++;
    else await this.#turn();
    try {
      return await work();
    } finally {
      // The next one takes over this one's place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= maxWaiting) {
      throw new HubError(
        "ThrottleBacklogLimitExceeded",
        `${maxWaiting} queries wait already, the limit, try again later`,
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
