import { z } from "zod";
import { maxListedFiles } from "../../../app/files/list-files.ts";
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

/** Where files of devices go. */
export const filesState = z.object({
  storage: z
    .enum(["own", "account", "none"])
    .describe("the hub's own storage; an account elsewhere; nowhere: file upload is turned off"),
  containerName: z.string().nullable(),
  notifications: z.boolean().describe("services hear of files that were uploaded"),
  waitingNotifications: z.int().describe("notifications that no service has taken yet"),
});

export const folderParams = z.object({ folder: z.string() });

export const filesQuery = z.object({
  after: optionalText.describe("go on after this name: `d1/video.mp4`"),
  top: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxListedFiles)
    .default(maxListedFiles)
    .describe("at most this many"),
});

export const fileAnswer = z.object({
  blobName: z.string(),
  path: z.string().describe("where it is read at this hub"),
  blobSizeInBytes: z.int(),
  contentType: z.string(),
  createdTime: z.string(),
  lastUpdatedTime: z.string(),
  etag: z.string(),
});

export const filePage = z.object({
  files: z.array(fileAnswer),
  more: z.boolean().describe("there are others, which `after` the last name of this page gives"),
  openUploads: z
    .array(z.object({ blobName: z.string(), expires: z.string() }))
    .describe("begun and not yet reported as done"),
});
