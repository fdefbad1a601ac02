import { argumentInvalid } from "../errors.ts";
import type { IdentityKey } from "../identity/key.ts";
import { type Json, type JsonObject, emptyObject, hasMembers, isObject } from "../json.ts";
import { copyOf, own, put } from "./members.ts";
import type { TwinPatch } from "./twin.ts";

/**
 * What a service's PATCH or PUT may write: `tags` and `properties.desired` of its body, without members whose names
 * start with `$`. Everything else is ignored, since clients send complete twins back (spec/semantics §4.2, §4.6).
 * Refuses with ArgumentInvalid a body that names another identity than `key`, and sections of a wrong type.
 */
export function readServicePatch(body: JsonObject, key: IdentityKey): TwinPatch {
  checkAddress(body, "deviceId", key.deviceId);
  checkAddress(body, "moduleId", key.moduleId);
  const properties = objectOrNull(own(body, "properties"), "properties");
  return {
    tags: readSection(own(body, "tags"), "tags"),
    desired: readSection(own(properties ?? nothing, "desired"), "properties.desired"),
  };
}

function checkAddress(body: JsonObject, name: keyof IdentityKey, addressed: string | undefined) {
  const given = own(body, name);
  if (given === undefined || given === null || given === addressed) return;
  throw argumentInvalid(`'${name}' in the body differs from the identity that is addressed`);
}

function readSection(value: Json | undefined, name: string): JsonObject | null | undefined {
  const section = objectOrNull(value, name);
  return section && withoutReserved(section);
}

function objectOrNull(value: Json | undefined, name: string): JsonObject | null | undefined {
  if (value === undefined || value === null || isObject(value)) return value;
  throw argumentInvalid(`'${name}' should be a JSON object or null`);
}

/** `$metadata`, `$version` and the like, at the section's root only: below it `$` is a forbidden character. */
function withoutReserved(section: JsonObject): JsonObject {
  if (!Object.keys(section).some((key) => key.startsWith("$"))) return section;
  const kept = emptyObject();
  for (const key of Object.keys(section)) {
    const value = section[key];
    if (value !== undefined && !key.startsWith("$")) kept[key] = value;
  }
  return kept;
}

/**
 * JSON merge patch, RFC 7396: `null` removes, objects merge, everything else replaces; an object of nulls under a new
 * key leaves an empty object (spec/semantics §4.5). Mutates neither argument; the result shares what is untouched.
 */
export function merge(target: JsonObject, patch: JsonObject): JsonObject {
  if (!hasMembers(patch)) return target;
  const merged = copyOf(target);
  for (const key in patch) {
    const value = patch[key];
    if (value === undefined) continue;
    if (value === null) delete merged[key];
    else put(merged, key, isObject(value) ? merge(objectOr(own(merged, key)), value) : value);
  }
  return merged;
}

const nothing: JsonObject = Object.freeze(emptyObject());

function objectOr(value: Json | undefined): JsonObject {
  return isObject(value) ? value : nothing;
}
