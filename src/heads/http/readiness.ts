import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** Why a hub takes no work: all that a stranger may hear. */
export type UnreadyReason = "starting" | "busy" | "draining" | "stopping" | "store";

export interface Readiness {
  readonly status: "ready" | "unavailable";
  readonly reasons: readonly UnreadyReason[];
}

/** How long the store may take to answer before the hub counts as not ready. */
export const storeDeadline: Milliseconds = 2_000;

export function unready(...reasons: UnreadyReason[]): Readiness {
  return { status: "unavailable", reasons };
}

/** Asks the store for a sign of life; one question at a time, however many want to know. */
export class StoreProbe {
  readonly #clock: Clock;
  readonly #ask: () => Promise<unknown>;
  #asking: Promise<boolean> | undefined;

  constructor(clock: Clock, ask: () => Promise<unknown>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  answers(): Promise<boolean> {
    this.#asking ??= this.#probe().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  #probe(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(storeDeadline, () => resolve(false));
      const end = (answered: boolean): void => {
        cancel();
        resolve(answered);
      };
      this.#ask().then(
        () => end(true),
        () => end(false),
      );
    });
  }
}
