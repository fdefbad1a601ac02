import { isOver } from "../../domain/transfers/transfer.ts";
import type { HubContext } from "../context.ts";
import { runTransfer } from "./run-transfer.ts";
import { allTransfers } from "./stored-transfers.ts";

/** What could not go on is tried again after this, in milliseconds. */
const retryAfter = 5_000;

/** Runs imports and exports, one at a time. */
export class TransferRunner {
  readonly #context: HubContext;
  #current: string | null = null;
  #percent = 0;
  #stopped = false;
  #cancelRetry = (): void => {};

  constructor(context: HubContext) {
    this.#context = context;
  }

  /** Goes on with what an earlier process left. */
  async start(): Promise<void> {
    const transfers = await this.#context.store.transaction(null, allTransfers);
    const unfinished = transfers.find((transfer) => !isOver(transfer));
    if (unfinished !== undefined) this.run(unfinished.id);
  }

  run(id: string): void {
    const { clock, log } = this.#context;
    this.#current = id;
    this.#percent = 0;
    runTransfer(
      this.#context,
      id,
      (percent) => (this.#percent = percent),
      () => this.#stopped,
    ).then(
      () => {
        if (this.#current === id) this.#current = null;
      },
      (error: unknown) => {
        if (this.#stopped) return;
        log.error({ err: error, jobId: id }, "an import or export is tried again");
        this.#cancelRetry = clock.after(retryAfter, () => this.run(id));
      },
    );
  }

  /** In percent; `null` if that job does not run here. */
  progressOf(id: string): number | null {
    return this.#current === id ? this.#percent : null;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
  }
}
