/** JSON values as the domain sees them. Objects may have any own key, `__proto__` included. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

/** An object under construction. It has no prototype, so that `__proto__` is an ordinary key. */
export type MutableJsonObject = { [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A new object without a prototype: assigning any key is safe. */
export function emptyObject(): MutableJsonObject {
  return Object.create(null) as MutableJsonObject;
}

/** Own members of `object`, in order. */
export function membersOf(object: JsonObject): [string, Json][] {
  return Object.entries(object);
}

export function hasMembers(object: { readonly [key: string]: unknown }): boolean {
  for (const key in object) if (Object.hasOwn(object, key)) return true;
  return false;
}
