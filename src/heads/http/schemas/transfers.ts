import { z } from "zod";
import { documentOf, userObject } from "./shared.ts";

const nullableText = z.string().nullable();

export const transferInput = userObject.describe(
  "type (import or export), outputBlobContainerUri, for an import inputBlobContainerUri, excludeKeysInExport; a container is https://{hub}/uploads/~{folder}",
);

export const transferDocument = z.object({
  jobId: z.string(),
  startTimeUtc: nullableText,
  endTimeUtc: nullableText,
  type: z.enum(["import", "export"]),
  status: z.enum(["enqueued", "running", "completed", "failed", "cancelled"]),
  progress: z.int(),
  inputBlobContainerUri: nullableText,
  inputBlobName: nullableText,
  outputBlobContainerUri: z.string(),
  outputBlobName: z.string(),
  excludeKeysInExport: z.boolean(),
  storageAuthenticationType: nullableText,
  failureReason: nullableText,
  includeConfigurations: z.boolean(),
  configurationsBlobName: nullableText,
});

export const transferAnswer = documentOf(transferDocument);
