import { z } from "zod";
import { jobStatuses, jobTypes } from "../../../domain/jobs/job.ts";
import { documentOf, userObjectAnswer } from "./shared.ts";

export const jobParams = z.object({ jobId: z.string() });

/** For the published description only: the rules of jobs read the body themselves (spec/rest §8.12). */
export const jobInput = z.looseObject({
  jobId: z.string().nullish(),
  type: z.enum(jobTypes),
  queryCondition: z
    .string()
    .describe("what follows WHERE in a query over devices, `*`, or `from devices.modules where …`"),
  updateTwin: userObjectAnswer.nullish().describe("a twin's PATCH, with `etag`: `*`"),
  cloudToDeviceMethod: userObjectAnswer.nullish().describe("a direct method's call"),
  startTime: z.string().nullish().describe("ISO 8601; now if missing"),
  maxExecutionTimeInSeconds: z.int().nullish().describe("3600 if missing"),
});

export const jobDocument = z.object({
  jobId: z.string(),
  queryCondition: z.string(),
  createdTime: z.string(),
  startTime: z.string(),
  endTime: z.string().nullable(),
  maxExecutionTimeInSeconds: z.int(),
  type: z.enum(jobTypes),
  updateTwin: userObjectAnswer.optional(),
  cloudToDeviceMethod: userObjectAnswer.optional(),
  status: z.enum(jobStatuses),
  failureReason: z.string().optional(),
  statusMessage: z.string().optional(),
  deviceJobStatistics: z.object({
    deviceCount: z.int(),
    failedCount: z.int(),
    succeededCount: z.int(),
    runningCount: z.int(),
    pendingCount: z.int(),
  }),
});

export const jobAnswer = documentOf(jobDocument);

/** Azure's older name of a type is taken too. */
export const jobsQuery = z.object({
  "api-version": z.string().optional(),
  jobType: z
    .string()
    .optional()
    .transform((type) => (type === "scheduleTwinUpdate" ? "scheduleUpdateTwin" : type || undefined))
    .describe(jobTypes.join(" or ")),
  jobStatus: z
    .string()
    .optional()
    .transform((status) => status || undefined)
    .describe(jobStatuses.join(", ")),
});
