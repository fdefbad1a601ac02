import { type Json, isObject } from "../json.ts";
import { type Value, missing } from "./values.ts";

/** One step into a JSON value: a member, and then perhaps an element of it. */
export interface PathStep {
  readonly name: string;
  readonly index?: number | undefined;
}

/** Reads `a.b[0].c`; `undefined` if it is no such path (spec/semantics §11.2). */
export function parsePath(text: string): readonly PathStep[] | undefined {
  const steps: PathStep[] = [];
  for (const part of text.split(".")) {
    const match = /^([^[\]]+)(?:\[(\d{1,9})\])?$/.exec(part);
    if (match?.[1] === undefined) return undefined;
    const index = match[2] === undefined ? undefined : Number(match[2]);
    steps.push({ name: match[1], index });
  }
  return steps;
}

/** What stands at a path, or `missing`. With `folded`, names that differ only in case count when no exact one is there. */
export function valueAt(root: Json, steps: readonly PathStep[], folded = false): Value {
  let value: Json | undefined = root;
  for (const { name, index } of steps) {
    value = member(value, name, folded);
    if (value === undefined) return missing;
    if (index === undefined) continue;
    value = Array.isArray(value) ? (value as readonly Json[])[index] : undefined;
    if (value === undefined) return missing;
  }
  return value;
}

function member(value: Json, name: string, folded: boolean): Json | undefined {
  if (!isObject(value)) return undefined;
  if (Object.hasOwn(value, name)) return value[name];
  if (!folded) return undefined;
  const wanted = name.toLowerCase();
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === wanted);
  return key === undefined ? undefined : value[key];
}
