import { HubError } from "../../domain/errors.ts";
import { timeText } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import type { Quota } from "../../domain/throttling/throttles.ts";

const collection = "throttling";
const document = "quota";
const day = 86_400_000;
/** The count is stored this long after it changed, in milliseconds: a crash forgets no more than that. */
const saveAfter = 1_000;

/** Counts the messages of a day (UTC), across restarts. */
export class DailyQuota {
  readonly quota: Quota;
  readonly #parts: Pick<HubContext, "store" | "clock" | "log">;
  readonly #enforces: boolean;
  #day = 0;
  #used = 0;
  #refused = 0;
  #cancelSave: (() => void) | undefined;

  constructor(quota: Quota, parts: Pick<HubContext, "store" | "clock" | "log">, enforces: boolean) {
    this.quota = quota;
    this.#parts = parts;
    this.#enforces = enforces;
  }

  /** Takes up what an earlier process counted today. */
  async start(): Promise<void> {
    this.#day = this.#today();
    const stored = await this.#parts.store.transaction(null, (tx) =>
      tx.document(collection, document),
    );
    if (stored?.["day"] !== this.#day) return;
    const used = stored["used"];
    if (typeof used === "number") this.#used = used;
  }

  /** `refused`: how many operations were refused since the start, or would have been. */
  get state(): { readonly used: number; readonly refused: number; readonly resetsAt: string } {
    this.#turn();
    return {
      used: this.#used,
      refused: this.#refused,
      resetsAt: timeText((this.#day + 1) * day),
    };
  }

  /** Refuses with IotHubQuotaExceeded once the day's messages are used up. */
  check(): void {
    this.#turn();
    if (this.#used < this.quota.perDay) return;
    this.#refused++;
    if (!this.#enforces) return;
    throw new HubError(
      "IotHubQuotaExceeded",
      `Total number of messages on the hub exceeded the allocated quota. Max allowed message count: ${this.quota.perDay}, current message count: ${this.#used}`,
    );
  }

  charge(messages: number): void {
    this.#turn();
    this.#used += messages;
    this.#cancelSave ??= this.#parts.clock.after(saveAfter, () => {
      this.#cancelSave = undefined;
      this.#save();
    });
  }

  stop(): void {
    if (this.#cancelSave === undefined) return;
    this.#cancelSave();
    this.#cancelSave = undefined;
    this.#save();
  }

  #today(): number {
    return Math.floor(this.#parts.clock.now() / day);
  }

  #turn(): void {
    const today = this.#today();
    // A clock that is set back does not give the day's messages again.
    if (today <= this.#day) return;
    this.#day = today;
    this.#used = 0;
  }

  #save(): void {
    const { store, log } = this.#parts;
    const value = { day: this.#day, used: this.#used };
    store
      .transaction(null, (tx) => tx.putDocument(collection, document, value))
      .catch((error: unknown) => log.warn({ err: error }, "the day's quota could not be stored"));
  }
}
