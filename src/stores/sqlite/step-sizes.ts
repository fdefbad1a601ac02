/** How many twins one statement looks at, at least and at most. */
const smallest = 64;
const largest = 65_536;
/** How long one statement is to take, in milliseconds: others wait for it. */
const wanted = 25;
/** Conditions whose size is remembered. */
const maxRemembered = 256;
/** Divided by the length of a condition, a first guess: what is long to say takes long to decide. */
const lengthShare = 500_000;

/**
 * How far one statement goes for each condition. A whole scan is cut into steps, so that queries take turns on the one
 * thread, and so that a query that takes too long can be given up between two of them.
 */
export class StepSizes {
  readonly #sizes = new Map<string, number>();

  get(condition: string): number {
    return this.#sizes.get(condition) ?? within(lengthShare / (condition.length + 1));
  }

  /** To be told after each step. `isWhole` unless it ended before it had looked at all of its twins. */
  took(condition: string, milliseconds: number, isWhole: boolean): void {
    const size = this.get(condition);
    const factor = Math.min(4, Math.max(1 / 4, wanted / Math.max(milliseconds, 0.1)));
    if (factor > 1 && !isWhole) return;
    this.#sizes.delete(condition);
    this.#sizes.set(condition, within(size * factor));
    const [oldest] = this.#sizes.keys();
    if (oldest !== undefined && this.#sizes.size > maxRemembered) this.#sizes.delete(oldest);
  }
}

function within(size: number): number {
  return Math.round(Math.min(largest, Math.max(smallest, size)));
}
