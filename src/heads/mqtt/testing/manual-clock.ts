import type { Clock } from "../../../app/ports.ts";

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  readonly #waiting = new Set<{ readonly due: number; readonly work: () => void }>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, work: () => void): () => void {
    const entry = { due: this.#now + delay, work };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** Timers that have not run and were not cancelled. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Moves time forward and runs what becomes due on the way, earliest first. */
  advance(milliseconds: number): void {
    const target = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#waiting]
        .filter(({ due }) => due <= target)
        .toSorted((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.work();
    }
    this.#now = target;
  }
}
