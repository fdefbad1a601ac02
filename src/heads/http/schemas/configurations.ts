import { z } from "zod";
import { documentOf, userObjectAnswer } from "./shared.ts";

export const configurationParams = z.object({ id: z.string() });

const queries = z.record(z.string(), z.string());

/** For the published description only: the rules of configurations read the body themselves (spec/rest §8.11). */
export const contentInput = z.looseObject({
  deviceContent: userObjectAnswer.nullish().describe('`{"properties.desired.a.b": value}`'),
  moduleContent: userObjectAnswer.nullish().describe('`{"properties.desired.a.b": value}`'),
  modulesContent: z.record(z.string(), userObjectAnswer).nullish().describe("by module id"),
});

export const configurationInput = z.looseObject({
  id: z.string().nullish(),
  schemaVersion: z.string().nullish(),
  contentType: z.string().nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  content: contentInput.nullish().describe("exactly one member; never changes"),
  targetCondition: z
    .string()
    .nullish()
    .describe(
      "empty for nobody, `*` for all devices, a condition, or `from devices.modules where …`",
    ),
  priority: z.int().min(0).nullish().describe("the larger wins"),
  metrics: z.looseObject({ queries: queries.nullish() }).nullish(),
});

const metrics = z.object({ results: z.record(z.string(), z.int()), queries });

export const configurationDocument = z.object({
  id: z.string(),
  schemaVersion: z.string(),
  contentType: z.string(),
  labels: z.record(z.string(), z.string()).nullable(),
  content: userObjectAnswer,
  targetCondition: z.string(),
  createdTimeUtc: z.string(),
  lastUpdatedTimeUtc: z.string(),
  priority: z.int(),
  systemMetrics: metrics,
  metrics,
  etag: z.string(),
});

export const configurationAnswer = documentOf(configurationDocument);

export const testQueriesInput = z.looseObject({
  targetCondition: z.string().nullish(),
  customMetricQueries: queries.nullish(),
});

export const testQueriesAnswer = documentOf(
  z.object({ targetConditionError: z.string().nullable(), customMetricQueryErrors: queries }),
);
