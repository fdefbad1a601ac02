/**
 * The object's own member, never an inherited one: twins that a store has read back have a prototype, and
 * `constructor` and `__proto__` are ordinary keys (spec/semantics §4.3).
 */
export function own<T>(object: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
