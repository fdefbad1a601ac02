import { argumentInvalid } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Order, Query } from "./ast.ts";
import { compilePath, type Evaluate } from "./evaluate.ts";
import { maxSortedCharacters, maxSortedRows } from "./limits.ts";
import { orderValues, type Value } from "./values.ts";

/** So few items need not be measured. */
const unmeasuredTop = 100;

interface Entry<T> {
  readonly keys: readonly Value[];
  /** Equal keys keep the order in which they came. */
  readonly index: number;
  readonly item: T;
  /** Characters of the item as JSON; 0 where few items are held and nobody counts. */
  readonly length: number;
}

/**
 * Sorts by ORDER BY, row by row (an extension of spec/semantics §6.1). With TOP it holds about as many items as TOP
 * says; without, more than `maxSortedRows` are refused with ArgumentInvalid, and so are items that are too large together.
 */
export class Sorter<T> {
  readonly #keys: readonly Evaluate[];
  readonly #order: readonly Order[];
  readonly #top: number | null;
  #entries: Entry<T>[] = [];
  #count = 0;
  #length = 0;

  constructor({ orderBy, top }: Pick<Query, "orderBy" | "top">) {
    this.#order = orderBy;
    this.#keys = orderBy.map(({ path }) => compilePath(path));
    this.#top = top;
  }

  /** Adds an item, ordered by the values of `row`. */
  add(item: T, row: JsonObject, device?: JsonObject): void {
    const keys = this.#keys.map((key) => key(row, device));
    const isMeasured = this.#top === null || this.#top > unmeasuredTop;
    const length = isMeasured ? JSON.stringify(item).length : 0;
    this.#entries.push({ keys, index: this.#count, item, length });
    this.#count += 1;
    this.#length += length;
    if (this.#length > maxSortedCharacters) this.#cut(this.#top ?? this.#entries.length);
    if (this.#length > maxSortedCharacters) {
      throw argumentInvalid(
        `ORDER BY sorts at most ${maxSortedCharacters} characters: select fewer columns, add TOP or narrow the condition`,
      );
    }
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
    this.#length = this.#entries.reduce((sum, entry) => sum + entry.length, 0);
  }

  #compare(a: Entry<T>, b: Entry<T>): number {
    for (let index = 0; index < this.#order.length; index++) {
      const order = orderValues(a.keys[index], b.keys[index]);
      if (order !== 0) return this.#order[index]?.descending === true ? -order : order;
    }
    return a.index - b.index;
  }
}
