import { argumentInvalid } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Order, Query } from "./ast.ts";
import { compilePath, type Evaluate } from "./evaluate.ts";
import { maxSortedRows } from "./limits.ts";
import { orderValues, type Value } from "./values.ts";

interface Entry<T> {
  readonly keys: readonly Value[];
  /** Equal keys keep the order in which they came. */
  readonly index: number;
  readonly item: T;
}

/**
 * Sorts by ORDER BY, row by row (an extension of spec/semantics §6.1). With TOP it holds about as many items as TOP
 * says; without, more than `maxSortedRows` are refused with ArgumentInvalid.
 */
export class Sorter<T> {
  readonly #keys: readonly Evaluate[];
  readonly #order: readonly Order[];
  readonly #top: number | null;
  #entries: Entry<T>[] = [];
  #count = 0;

  constructor({ orderBy, top }: Pick<Query, "orderBy" | "top">) {
    this.#order = orderBy;
    this.#keys = orderBy.map(({ path }) => compilePath(path));
    this.#top = top;
  }

  /** Adds an item, ordered by the values of `row`. */
  add(item: T, row: JsonObject, device?: JsonObject): void {
    const keys = this.#keys.map((key) => key(row, device));
    this.#entries.push({ keys, index: this.#count, item });
    this.#count += 1;
    if (this.#top !== null) {
      // Sorting at twice the length keeps the work per row constant.
      if (this.#entries.length > 2 * this.#top + 16) this.#cut(this.#top);
    } else if (this.#entries.length > maxSortedRows) {
      throw argumentInvalid(
        `ORDER BY sorts at most ${maxSortedRows} rows: add TOP or narrow the condition`,
      );
    }
  }

  /** All items in order, at most TOP. */
  items(): readonly T[] {
    this.#cut(this.#top ?? this.#entries.length);
    return this.#entries.map(({ item }) => item);
  }

  #cut(length: number): void {
    this.#entries.sort((a, b) => this.#compare(a, b));
    this.#entries = this.#entries.slice(0, length);
  }

  #compare(a: Entry<T>, b: Entry<T>): number {
    for (let index = 0; index < this.#order.length; index++) {
      const order = orderValues(a.keys[index], b.keys[index]);
      if (order !== 0) return this.#order[index]?.descending === true ? -order : order;
    }
    return a.index - b.index;
  }
}
