import type { Json, JsonObject } from "../domain/json.ts";
import { UsageError } from "./cli-error.ts";
import type { HubClient } from "./client.ts";
import type { GivenOptions } from "./options.ts";

/** An object of the members that were given. */
export function givenMembers(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const given: Record<string, Json> = {};
  for (const [name, value] of Object.entries(members)) if (value !== undefined) given[name] = value;
  return given;
}

/** Reads a document, changes the members that were given and writes it back, if nobody else has changed it since. */
export async function changeStored(
  hub: HubClient,
  path: string,
  changes: JsonObject,
  options: GivenOptions,
): Promise<JsonObject> {
  if (Object.keys(changes).length === 0)
    throw new UsageError("Nothing to change: give an option of what is to change");
  const stored = await hub.object("GET", path);
  const { etag } = stored;
  const ifMatch = options.text("etag") ?? (typeof etag === "string" ? etag : "*");
  return hub.object("PUT", path, { body: { ...stored, ...changes }, ifMatch });
}
