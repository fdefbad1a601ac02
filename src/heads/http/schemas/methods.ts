import { z } from "zod";

const seconds = z.union([z.int(), z.string()]).nullish();

/** For the published description only: the rules of methods read the body themselves (spec/rest §8.8). */
export const methodInput = z.object({
  methodName: z.string().min(1).max(100),
  payload: z.unknown().optional().describe("any JSON; null if missing"),
  responseTimeoutInSeconds: seconds.describe("5 to 300; 30 if missing"),
  connectTimeoutInSeconds: seconds.describe("0 to 300; 0 if missing"),
});

export const methodAnswer = z.object({ status: z.int(), payload: z.unknown() });

export const callerHeader = z.object({
  "x-ms-edge-moduleid": z
    .string()
    .optional()
    .describe("`{deviceId}/{moduleId}`: the module that calls with its own credential"),
});
