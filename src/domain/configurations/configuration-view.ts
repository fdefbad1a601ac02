import { identityEtag } from "../identity/etag.ts";
import type { JsonObject } from "../json.ts";
import type { Dialect } from "../query/ast.ts";
import { timeText } from "../time.ts";
import type { Configuration, MetricResults } from "./configuration.ts";
import { systemMetrics } from "./metrics.ts";

/** A configuration as services see it, with what its metrics were at the last run (spec/rest §8.11). */
export function configurationView(
  configuration: Configuration,
  results: MetricResults | undefined,
  dialect: Dialect,
): JsonObject {
  return {
    id: configuration.id,
    schemaVersion: configuration.schemaVersion,
    contentType: configuration.contentType,
    labels: configuration.labels,
    content: configuration.content,
    targetCondition: configuration.targetCondition,
    createdTimeUtc: timeText(configuration.createdTime),
    lastUpdatedTimeUtc: timeText(configuration.lastUpdatedTime),
    priority: configuration.priority,
    systemMetrics: {
      results: results?.system ?? {},
      queries: systemMetrics(configuration, dialect),
    },
    metrics: { results: results?.custom ?? {}, queries: configuration.metrics },
    etag: identityEtag(configuration.etagNumber),
  };
}
