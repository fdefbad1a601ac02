import type { Log } from "../../../app/ports.ts";

/**
 * Sends in steps, one at a time, for as long as a step says that there may be more; a wake during a step asks for one
 * more. A step that fails is logged and ends the round: the next wake begins another.
 */
export class Pump {
  readonly #log: Log;
  readonly #step: () => Promise<boolean>;
  #state: "idle" | "running" | "again" | "ended" = "idle";

  constructor(log: Log, step: () => Promise<boolean>) {
    this.#log = log;
    this.#step = step;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  wake(): void {
    switch (this.#state) {
      case "idle":
        this.#state = "running";
        this.#run().catch((error: unknown) => {
          this.#log.error({ err: error }, "an AMQP link could not go on sending");
          if (!this.ended) this.#state = "idle";
        });
        return;
      case "running":
        this.#state = "again";
        return;
      case "again":
      case "ended":
        return;
    }
  }

  end(): void {
    this.#state = "ended";
  }

  async #run(): Promise<void> {
    for (;;) {
      const more = await this.#step();
      if (this.ended) return;
      if (!more && !this.#isAgain()) break;
      this.#state = "running";
    }
    this.#state = "idle";
  }

  #isAgain(): boolean {
    return this.#state === "again";
  }
}
