import { z } from "zod";
import { optionalText } from "./shared.ts";

/** `POST /devices/keys/regenerate` (spec/rest §8.5). */
export const regenerateInput = z.object({
  policyKey: z.enum(["primaryKey", "secondaryKey", "both"]),
  devices: z.array(z.object({ id: z.string(), moduleId: optionalText })),
});

export const regenerateAnswer = z.object({
  policyKey: z.string(),
  rotatedKeys: z.array(
    z.object({
      id: z.string(),
      moduleId: z.string().nullable(),
      primaryKey: z.string(),
      secondaryKey: z.string(),
    }),
  ),
  errors: z.array(
    z.object({
      id: z.string(),
      moduleId: z.string().nullable(),
      errorCode: z.int(),
      errorStatus: z.string(),
    }),
  ),
});
