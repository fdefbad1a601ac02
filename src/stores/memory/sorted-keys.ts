import { firstWhere } from "../shared/ordinal.ts";

/** Texts in binary order, each once. */
export class SortedKeys {
  readonly #keys: string[] = [];

  add(key: string): void {
    const at = this.#indexOf(key);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }

  delete(key: string): void {
    const at = this.#indexOf(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  /** At most `limit` keys greater than `after` and, if given, less than `end`. */
  after(after: string, limit: number, end?: string): string[] {
    const at = this.#indexOf(after);
    const from = this.#keys[at] === after ? at + 1 : at;
    const to = end === undefined ? this.#keys.length : this.#indexOf(end);
    return this.#keys.slice(from, Math.min(to, from + limit));
  }

  #indexOf(key: string): number {
    return firstWhere(0, this.#keys.length - 1, (n) => (this.#keys[n] ?? "") >= key);
  }
}
