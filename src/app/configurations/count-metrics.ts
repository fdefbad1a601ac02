import type { Configuration } from "../../domain/configurations/configuration.ts";
import { systemMetrics } from "../../domain/configurations/metrics.ts";
import { isBareMetric } from "../../domain/configurations/read-configuration.ts";
import { HubError } from "../../domain/errors.ts";
import type { HubContext } from "../context.ts";
import type { PolicyPrincipal } from "../principal.ts";
import { runQuery } from "../query/run-query.ts";
import { putResults } from "./stored-configurations.ts";

/** As whom metrics are counted: whoever wrote them had this right. */
const counter: PolicyPrincipal = {
  kind: "policy",
  policy: "configurations",
  rights: ["ServiceConnect"],
};

/** Rows of one step of counting. */
const pageSize = 1000;

/** Counts all metrics of a configuration and remembers the results (spec/semantics §13.1, §13.3). */
export async function countMetrics(
  context: HubContext,
  configuration: Configuration,
): Promise<void> {
  const texts = systemMetrics(configuration, context.settings.queryDialect);
  const results = {
    system: await countAll(context, texts),
    custom: await countAll(context, configuration.metrics),
  };
  await context.store.transaction(null, (tx) => putResults(tx, configuration.id, results));
}

async function countAll(
  context: HubContext,
  texts: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const results: Record<string, number> = {};
  for (const [name, text] of Object.entries(texts)) {
    if (isBareMetric(text)) continue;
    try {
      results[name] = text === "" ? 0 : await countRows(context, text);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      context.log.warn({ metric: name, reason: error.message }, "a metric could not be counted");
    }
  }
  return results;
}

async function countRows(context: HubContext, text: string): Promise<number> {
  let count = 0;
  let continuation: string | undefined = undefined;
  do {
    const page = await runQuery(context, counter, text, { pageSize, continuation });
    count += page.texts.length;
    continuation = page.continuation ?? undefined;
  } while (continuation !== undefined);
  return count;
}
