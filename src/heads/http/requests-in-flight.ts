import type { ServerResponse } from "node:http";
import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** Counts the requests that are being served, up to a limit, and tells when the last one is done. */
export class RequestsInFlight {
  readonly #limit: number;
  readonly #clock: Clock;
  #count = 0;
  #idle: () => void = () => undefined;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Counts a request until its response has ended; false if there are too many already. */
  enter(response: ServerResponse): boolean {
    if (this.#count >= this.#limit) return false;
    this.#count += 1;
    response.once("close", () => {
      this.#count -= 1;
      if (this.#count === 0) this.#idle();
    });
    return true;
  }

  /** Resolves when no request is left, or after `timeout` milliseconds. */
  async drained(timeout: Milliseconds): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(timeout, resolve);
      this.#idle = () => {
        cancel();
        resolve();
      };
    });
  }
}
