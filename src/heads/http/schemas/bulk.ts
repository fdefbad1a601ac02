import { z } from "zod";
import { type BulkEntry, importModes } from "../../../domain/identity/inputs.ts";
import { bulkDeviceMembers } from "./identity.ts";
import { optionalText, userObject } from "./shared.ts";

const importMode = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(importModes))
  .describe("In any case; createOrUpdate if missing");

const entry = z.object({
  id: z.string(),
  moduleId: optionalText,
  importMode: importMode.nullish(),
  eTag: optionalText,
  etag: optionalText.describe("Another spelling of eTag"),
  twinETag: optionalText,
  managedBy: optionalText,
  ...bulkDeviceMembers,
  tags: userObject.nullish(),
  properties: z.object({ desired: userObject.nullish(), reported: userObject.nullish() }).nullish(),
});

/** `POST /devices`: 1 to 100 entries, which the hub counts (spec/rest §8.3). */
export const bulkInput = z.array(entry);

/** An entry as the hub takes it: its own spellings undone, the twin's sections beside the rest. */
export function bulkEntry(input: z.output<typeof entry>): BulkEntry {
  const { properties, etag, eTag, importMode, ...rest } = input;
  return {
    ...rest,
    importMode: importMode ?? "createorupdate",
    eTag: eTag ?? etag,
    desired: properties?.desired,
    reported: properties?.reported,
  };
}

export const bulkAnswer = z.object({
  isSuccessful: z.boolean(),
  errors: z.array(
    z.object({
      deviceId: z.string(),
      moduleId: z.string().optional(),
      errorCode: z.int().describe("Six digits; the first three are an HTTP status"),
      errorStatus: z.string(),
      operation: z.string(),
    }),
  ),
  warnings: z.array(
    z.object({ deviceId: z.string(), warningCode: z.string(), warningStatus: z.string() }),
  ),
});
