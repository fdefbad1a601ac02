import { z } from "zod";
import { optionalText } from "./shared.ts";

export const uploadInput = z.object({
  blobName: z.string().describe("may have slashes; the device's id comes before it"),
});

export const uploadTicket = z.object({
  correlationId: z.string(),
  hostName: z.string().describe("with a port if it is not 443"),
  containerName: z.string(),
  blobName: z.string(),
  sasToken: z.string().describe("`?sv=…`, good for this blob and an hour"),
});

export const uploadReportInput = z.object({
  correlationId: optionalText.describe("stands in the path in the older form"),
  isSuccess: z.unknown().optional().describe("true or false"),
  statusCode: z.unknown().optional().describe("the storage's, or the device's own: not looked at"),
  statusDescription: z.unknown().optional(),
});

export const correlationParams = z.object({ deviceId: z.string(), correlationId: z.string() });
