import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { type Json, type JsonObject, isObject } from "../domain/json.ts";
import { UsageError, systemCode } from "./cli-error.ts";

/** Largest file that is read as an argument, in bytes. */
const maxFileSize = 1_048_576;

/** An object given as JSON text, or as `@file`. `flag` names it in errors. */
export function readObject(flag: string, argument: string, directory: string): JsonObject {
  const value = readJson(flag, argument, directory);
  if (isObject(value)) return value;
  throw new UsageError(`${flag} must be a JSON object, for example '{"a":1}'`);
}

/** Any value given as JSON text, or as `@file`. */
export function readJson(flag: string, argument: string, directory: string): Json {
  const text = argument.startsWith("@")
    ? readArgumentFile(flag, path.resolve(directory, argument.slice(1))).toString("utf8")
    : argument;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new UsageError(
      `${flag} is not valid JSON (quote it for your shell, or give @file): ${reason}`,
    );
  }
}

/** The bytes of a file that an argument names; `flag` names it in errors. */
export function readArgumentFile(flag: string, file: string): Buffer {
  try {
    if (statSync(file).size > maxFileSize)
      throw new UsageError(`${flag}: ${file} is larger than ${maxFileSize} bytes`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${flag}: ${file} cannot be read (${systemCode(error) ?? "unknown error"})`,
    );
  }
}

/** One `--set path=value`. */
export interface Assignment {
  readonly path: readonly string[];
  readonly value: Json;
}

/** Reads `tags.site=7` or `status=disabled`: a value that is JSON counts as JSON, anything else as text. */
export function readAssignment(argument: string): Assignment {
  const equals = argument.indexOf("=");
  const segments = argument.slice(0, Math.max(equals, 0)).split(".");
  if (equals < 1 || segments.includes(""))
    throw new UsageError(
      `--set reads path=value, for example tags.site=7, but was given '${argument}'`,
    );
  return { path: segments, value: readValue(argument.slice(equals + 1)) };
}

function readValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** A copy of `object` with the value at that path; objects on the way are made where they are missing. */
export function assign(object: JsonObject, { path, value }: Assignment): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const inner = Object.hasOwn(object, key) ? object[key] : undefined;
  const next =
    rest.length === 0 ? value : assign(isObject(inner) ? inner : {}, { path: rest, value });
  return { ...object, [key]: next };
}
