/** Compares by UTF-16 units, as `<` does: the order of ids is binary, never a language's. */
export function ordinal(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first number in `first`..`last` for which `found` holds, or `last` + 1; `found` must stay true once it is. */
export function firstWhere(first: number, last: number, found: (n: number) => boolean): number {
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (found(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
