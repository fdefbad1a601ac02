import { HubError, argumentInvalid } from "../errors.ts";
import { type Json, type JsonObject, isObject } from "../json.ts";
import type { Dialect } from "../query/ast.ts";
import { parseQuery } from "../query/parse.ts";
import type { Milliseconds } from "../time.ts";
import { type Configuration, maxCustomMetrics, targetOf } from "./configuration.ts";
import { readContent } from "./content.ts";
import { isSame } from "./same.ts";

const idPattern = /^[a-z0-9\-+%_*!']{1,128}$/;
/** Characters of a label's name or value, and of a metric's name. */
const maxTextLength = 128;
const maxLabels = 100;

/** Refuses ids outside 1–128 lower-case letters, digits and `- + % _ * ! '` (spec/semantics §13.1). */
export function checkConfigurationId(id: string): void {
  if (idPattern.test(id)) return;
  throw argumentInvalid(
    "The id of a configuration must be 1 to 128 lower-case letters, digits and - + % _ * ! '",
  );
}

export interface ConfigurationContext {
  readonly now: Milliseconds;
  readonly dialect: Dialect;
  /** For a new configuration: higher than that of every other one. */
  readonly creation: number;
}

/**
 * The configuration that the body of a PUT makes, new or from the stored one: what an update leaves out stays
 * (spec/rest §8.11). Throws ArgumentInvalid, InvalidConfigurationTargetCondition, InvalidConfigurationContent,
 * InvalidConfigurationCustomMetricsQuery, and CannotModifyImmutableConfigurationContent for other content than the
 * stored one's.
 */
export function readConfiguration(
  id: string,
  body: JsonObject,
  stored: Configuration | undefined,
  { now, dialect, creation }: ConfigurationContext,
): Configuration {
  checkConfigurationId(id);
  const named = body["id"] ?? null;
  if (named !== null && named !== id)
    throw argumentInvalid("id in the body is not the one in the address");
  const content = contentOf(body["content"] ?? null, stored);
  const { kind } = readContent(content);
  const configuration: Configuration = {
    id,
    kind,
    schemaVersion: readText(body, "schemaVersion", stored?.schemaVersion ?? "1.0"),
    contentType: readText(body, "contentType", stored?.contentType ?? "assignment"),
    labels: Object.hasOwn(body, "labels")
      ? readLabels(body["labels"] ?? null)
      : (stored?.labels ?? null),
    content,
    targetCondition: readText(body, "targetCondition", stored?.targetCondition ?? ""),
    priority: readPriority(body["priority"] ?? stored?.priority ?? 0),
    metrics: readMetrics(body["metrics"] ?? null, dialect) ?? stored?.metrics ?? {},
    createdTime: stored?.createdTime ?? now,
    lastUpdatedTime: now,
    etagNumber: (stored?.etagNumber ?? 0) + 1,
    creation: stored?.creation ?? creation,
  };
  targetOf(configuration, dialect);
  return configuration;
}

function contentOf(given: Json, stored: Configuration | undefined): JsonObject {
  if (stored === undefined) {
    if (isObject(given)) return given;
    throw new HubError("InvalidConfigurationContent", "A configuration needs content");
  }
  if (given !== null && !isSame(withoutNulls(given), withoutNulls(stored.content))) {
    throw new HubError(
      "CannotModifyImmutableConfigurationContent",
      `The content of configuration ${stored.id} cannot be changed`,
    );
  }
  return stored.content;
}

/** Members that are null or missing mean the same. */
function withoutNulls(content: Json): Json {
  if (!isObject(content)) return content;
  return Object.fromEntries(Object.entries(content).filter(([, value]) => value !== null));
}

function readText(body: JsonObject, name: string, otherwise: string): string {
  const value = body[name] ?? otherwise;
  if (typeof value === "string") return value;
  throw argumentInvalid(`${name} must be text`);
}

function readPriority(priority: Json): number {
  if (typeof priority === "number" && Number.isSafeInteger(priority) && priority >= 0)
    return priority;
  throw argumentInvalid("priority must be a whole number, 0 or more");
}

function readLabels(labels: Json): JsonObject | null {
  if (labels === null) return null;
  if (!isObject(labels)) throw argumentInvalid("labels must be an object");
  const entries = Object.entries(labels);
  const fits = ([name, value]: [string, Json]): boolean =>
    typeof value === "string" && name.length <= maxTextLength && value.length <= maxTextLength;
  if (entries.length <= maxLabels && entries.every(fits)) return labels;
  throw argumentInvalid(
    `labels are at most ${maxLabels} texts of ${maxTextLength} characters under names as long`,
  );
}

/** `undefined` when the body says nothing about metrics. */
function readMetrics(metrics: Json, dialect: Dialect): Record<string, string> | undefined {
  if (metrics === null) return undefined;
  const queries = isObject(metrics) ? (metrics["queries"] ?? {}) : null;
  if (!isObject(queries)) throw invalidMetric("metrics.queries must be an object");
  const entries = Object.entries(queries);
  if (entries.length > maxCustomMetrics)
    throw invalidMetric(`A configuration has at most ${maxCustomMetrics} custom metrics`);
  return Object.fromEntries(
    entries.map(([name, text]) => {
      const shown = name.slice(0, maxTextLength).replaceAll(";", " ");
      if (name.length > maxTextLength || typeof text !== "string")
        throw invalidMetric(
          `The metric '${shown}' must be text, its name at most ${maxTextLength} characters`,
        );
      const problem = metricProblem(text, dialect);
      if (problem !== null) throw invalidMetric(`The metric '${shown}': ${problem}`);
      return [name, text];
    }),
  );
}

/** Why a custom metric cannot be counted; `null` if it can, or is the bare `select *` that tools store. */
export function metricProblem(text: string, dialect: Dialect): string | null {
  if (isBareMetric(text)) return null;
  try {
    const { source } = parseQuery(text, { dialect });
    return source === "devices.jobs" ? "a metric is over devices or devices.modules" : null;
  } catch (error) {
    if (error instanceof HubError) return error.message;
    throw error;
  }
}

export function isBareMetric(text: string): boolean {
  return /^\s*select\s+\*\s*$/i.test(text);
}

/** Why a target condition is not valid; `null` if it is. */
export function targetProblem(targetCondition: string, dialect: Dialect): string | null {
  try {
    const kind = /^\s*from\s+devices\.modules\b/i.test(targetCondition) ? "module" : "device";
    targetOf({ kind, targetCondition }, dialect);
    return null;
  } catch (error) {
    if (error instanceof HubError) return error.message;
    throw error;
  }
}

function invalidMetric(message: string): HubError {
  return new HubError("InvalidConfigurationCustomMetricsQuery", message);
}
