import type { Clock } from "../app/ports.ts";

interface Waiting {
  due: number;
  readonly work: () => void;
  timer: NodeJS.Timeout | undefined;
}

/** The longest delay that a Node timer takes. */
const longestTimer = 2 ** 31 - 1;

/**
 * Real time that a test can move forward: tokens and real clients agree with it, and nobody has to wait for
 * a minute to pass.
 */
export class MovableClock implements Clock {
  #offset: number;
  readonly #stands: boolean;
  readonly #waiting = new Set<Waiting>();

  /**
   * `start`: the time that it begins with, milliseconds since 1970; now unless told otherwise. A clock that `stands` moves by
   * `advance` and `jump` alone, so that nothing becomes due because the machine is slow.
   */
  constructor(start = Date.now(), { stands = false }: { readonly stands?: boolean } = {}) {
    this.#stands = stands;
    this.#offset = start - this.#real();
  }

  now(): number {
    return this.#real() + this.#offset;
  }

  #real(): number {
    return this.#stands ? 0 : Date.now();
  }

  after(delay: number, work: () => void): () => void {
    const entry: Waiting = { due: this.now() + delay, work, timer: undefined };
    this.#waiting.add(entry);
    this.#arm(entry);
    return () => {
      clearTimeout(entry.timer);
      this.#waiting.delete(entry);
    };
  }

  /** Moves time forward by `milliseconds` and runs what has become due, earliest first. */
  advance(milliseconds: number): void {
    const target = this.now() + milliseconds;
    for (;;) {
      const next = [...this.#waiting]
        .filter((entry) => entry.due <= target)
        .toSorted((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#offset += Math.max(0, next.due - this.now());
      this.#run(next);
    }
    this.#offset += Math.max(0, target - this.now());
    for (const entry of this.#waiting) this.#arm(entry);
  }

  /**
   * Sets time forward or, with a negative number, back, as an operator or NTP does with a machine's clock: what waits goes
   * on waiting for as long as before.
   */
  jump(milliseconds: number): void {
    this.#offset += milliseconds;
    for (const entry of this.#waiting) entry.due += milliseconds;
  }

  #arm(entry: Waiting): void {
    clearTimeout(entry.timer);
    if (this.#stands) return;
    const left = Math.max(0, entry.due - this.now());
    entry.timer =
      left > longestTimer
        ? setTimeout(() => this.#arm(entry), longestTimer)
        : setTimeout(() => this.#run(entry), left);
    entry.timer.unref();
  }

  #run(entry: Waiting): void {
    clearTimeout(entry.timer);
    if (this.#waiting.delete(entry)) entry.work();
  }
}
