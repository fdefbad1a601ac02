import { appendFileSync } from "node:fs";

/**
 * How often a crash test kills: `usual` times, unless `CRASH_KILLS` asks for more, as `npm run bench:crash` does, and until
 * `CRASH_MINUTES` have passed.
 */
export class Kills {
  readonly asked: number;
  /** A test's limit that goes with it, in milliseconds. */
  readonly timeout: number;
  done = 0;
  readonly #until: number;
  readonly #usual: number;

  constructor(usual: number) {
    this.#usual = usual;
    this.asked = positive(process.env["CRASH_KILLS"]) ?? usual;
    this.timeout = 100_000 + this.asked * 15_000;
    const minutes = positive(process.env["CRASH_MINUTES"]);
    this.#until = minutes === undefined ? Infinity : Date.now() + minutes * 60_000;
  }

  /** The numbers of the rounds, from 1; never fewer than the usual ones. */
  *rounds(what: string): Generator<number> {
    while (this.done < this.asked && (this.done < this.#usual || Date.now() < this.#until)) {
      yield this.done + 1;
      this.done++;
      if (this.asked > this.#usual && this.done % 25 === 0)
        process.stderr.write(`${what}: ${this.done} of ${this.asked} kills\n`);
    }
  }

  /** Writes figures where the benchmark looks for them. */
  report(figures: Readonly<Record<string, string | number>>): void {
    const file = process.env["CRASH_REPORT"];
    if (file === undefined) return;
    appendFileSync(file, `${JSON.stringify({ ...figures, kills: this.done })}\n`);
  }
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}
