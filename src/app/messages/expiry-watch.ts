import type { Milliseconds } from "../../domain/time.ts";
import type { Clock, Log } from "../ports.ts";

/** Expired messages are looked for this often at the most, in milliseconds. */
const shortestWait = 250;

/**
 * Remembers when each queue's next message dies, so that senders hear of it in time although nobody receives.
 * One timer; one entry per device that has messages.
 */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #expire: (deviceId: string) => Promise<Milliseconds | null>;
  readonly #due = new Map<string, Milliseconds>();
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** `expire` takes a device's dead messages out and tells when its next one dies. */
  constructor(clock: Clock, log: Log, expire: (deviceId: string) => Promise<Milliseconds | null>) {
    this.#clock = clock;
    this.#log = log;
    this.#expire = expire;
  }

  watch(deviceId: string, expiry: Milliseconds): void {
    const known = this.#due.get(deviceId);
    if (known !== undefined && known <= expiry) return;
    this.#due.set(deviceId, expiry);
    this.#arm(expiry);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(at: Milliseconds): void {
    if (this.#stopped || at >= this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = at;
    const wait = Math.max(shortestWait, at - this.#clock.now());
    this.#cancel = this.#clock.after(wait, () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#sweep().catch((error: unknown) =>
        this.#log.error({ err: error }, "expired messages could not be removed"),
      );
    });
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    const dead = [...this.#due].filter(([, at]) => at <= now);
    for (const [deviceId] of dead) {
      this.#due.delete(deviceId);
      const next = await this.#expire(deviceId);
      if (next !== null) this.watch(deviceId, next);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const at of this.#due.values()) if (at < next) next = at;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}
