import type { Milliseconds } from "../../domain/time.ts";
import type { Clock, Log } from "../ports.ts";

/** Expired messages are looked for this often at the most, in milliseconds. */
const shortestWait = 250;
/** And at the latest: the machine's clock may be set forward meanwhile. */
const longestWait: Milliseconds = 60_000;

/** What could not be looked at is looked at again after this, in milliseconds. */
const retryAfter = 5_000;

/**
 * Remembers when each queue's next message dies or comes free, so that senders hear of it in time although nobody
 * receives. One timer; one entry per device that has messages.
 */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #expire: (deviceId: string) => Promise<Milliseconds | null>;
  readonly #due = new Map<string, Milliseconds>();
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** `expire` takes a device's dead messages out and tells when to look again. */
  constructor(clock: Clock, log: Log, expire: (deviceId: string) => Promise<Milliseconds | null>) {
    this.#clock = clock;
    this.#log = log;
    this.#expire = expire;
  }

  watch(deviceId: string, at: Milliseconds): void {
    const known = this.#due.get(deviceId);
    if (known !== undefined && known <= at) return;
    this.#due.set(deviceId, at);
    this.#arm(at);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(at: Milliseconds): void {
    if (this.#stopped || at >= this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = at;
    const wait = Math.min(longestWait, Math.max(shortestWait, at - this.#clock.now()));
    this.#cancel = this.#clock.after(wait, () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      void this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    const dead = [...this.#due].filter(([, at]) => at <= now);
    for (const [deviceId] of dead) {
      this.#due.delete(deviceId);
      const next = await this.#look(deviceId);
      if (next !== null) this.watch(deviceId, next);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.#due.values()) if (at < next) next = at;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }

  /** One queue that fails keeps no other waiting, and is not forgotten. */
  async #look(deviceId: string): Promise<Milliseconds | null> {
    try {
      return await this.#expire(deviceId);
    } catch (error) {
      this.#log.error({ err: error, deviceId }, "expired messages could not be removed");
      return this.#stopped ? null : this.#clock.now() + retryAfter;
    }
  }
}
