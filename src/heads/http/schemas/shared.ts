import { z } from "zod";
import type { JsonObject } from "../../../domain/json.ts";

/** Text that callers may leave out or set to `null`. */
export const optionalText = z.string().nullish();

export const deviceParams = z.object({ deviceId: z.string() });
export const moduleParams = z.object({ deviceId: z.string(), moduleId: z.string() });

const apiVersion = z.string().describe("A date, for example 2021-04-12; every date is accepted");

export const apiQuery = z.object({ "api-version": apiVersion });

export const listQuery = z.object({
  "api-version": apiVersion,
  top: z.coerce
    .number()
    .optional()
    .catch(undefined)
    .describe("At most this many, 1 to 1000; everything else counts as 1000"),
});

export const ifMatchHeader = z.object({
  "if-match": z
    .string()
    .optional()
    .describe('`"<etag>"` or `*`: the resource must exist and, for an etag, be unchanged'),
});

/** An object whose members are the user's own: handed on untouched, `__proto__` included. */
export const userObject = z
  .unknown()
  .refine(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "expected an object",
  )
  .transform((value) => value as JsonObject);

export const userObjectAnswer = z.record(z.string(), z.unknown());

export const errorAnswer = z.object({
  Message: z.string().describe("`ErrorCode:<Name>;<text>`"),
  ExceptionMessage: z.string().describe("`Tracking ID:<id>`, to be found in the hub's log"),
});

/**
 * The published shape of a document that the hub itself has composed. It is sent as it is, not copied through the
 * schema; tests hold the two together.
 */
export function documentOf(schema: z.ZodType): z.ZodType<JsonObject> {
  return schema as unknown as z.ZodType<JsonObject>;
}
