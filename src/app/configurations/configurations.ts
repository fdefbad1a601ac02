import {
  type Configuration,
  maxConfigurations,
} from "../../domain/configurations/configuration.ts";
import { configurationView } from "../../domain/configurations/configuration-view.ts";
import {
  metricProblem,
  readConfiguration,
  targetProblem,
} from "../../domain/configurations/read-configuration.ts";
import { HubError, argumentInvalid } from "../../domain/errors.ts";
import {
  type Precondition,
  identityEtag,
  meansExisting,
  satisfies,
} from "../../domain/identity/etag.ts";
import { type JsonObject, isObject } from "../../domain/json.ts";
import type { HubContext } from "../context.ts";
import type { PutResource, Resource } from "../hub.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import {
  allConfigurations,
  putConfiguration,
  readResults,
  readStored,
  removeConfiguration,
} from "./stored-configurations.ts";

/** Metric queries that may be tried at a time. */
const maxTestQueries = 20;

/** All configurations in the order of their ids; a `top` outside 1–100 counts as 100. */
export async function listConfigurations(
  context: HubContext,
  principal: Principal,
  top: number | undefined,
): Promise<readonly JsonObject[]> {
  demandRead(principal);
  const inRange = top !== undefined && Number.isInteger(top) && top >= 1 && top < maxConfigurations;
  return context.store.transaction(null, (tx) =>
    allConfigurations(tx)
      .slice(0, inRange ? top : maxConfigurations)
      .map((stored) => resourceOf(context, tx, stored).body),
  );
}

export async function getConfiguration(
  context: HubContext,
  principal: Principal,
  id: string,
): Promise<Resource> {
  demandRead(principal);
  return context.store.transaction(null, (tx) => resourceOf(context, tx, find(tx, id)));
}

/** Creates a configuration, or updates it if the caller's precondition means an existing one (spec/rest §6.3, §8.11). */
export async function putConfigurationById(
  context: HubContext,
  principal: Principal,
  id: string,
  body: JsonObject,
  precondition: Precondition,
): Promise<PutResource> {
  demandWrite(principal);
  const { queryDialect: dialect } = context.settings;
  const { stored, put } = await context.store.transaction(null, (tx) => {
    const before = readStored(tx, id);
    checkPut(tx, id, before, precondition);
    const creation = Math.max(0, ...allConfigurations(tx).map((each) => each.creation)) + 1;
    const made = { now: tx.now, dialect, creation };
    const configuration = readConfiguration(id, body, before, made);
    putConfiguration(tx, configuration);
    const resource = resourceOf(context, tx, configuration);
    return { stored: configuration, put: { ...resource, created: before === undefined } };
  });
  await context.configurations.changed(stored.id, stored.kind);
  return put;
}

/** Deletes a configuration; what it has set is withdrawn, but for edge deployments (spec/semantics §13.2). */
export async function deleteConfiguration(
  context: HubContext,
  principal: Principal,
  id: string,
  precondition: Precondition,
): Promise<void> {
  demandWrite(principal);
  const deleted = await context.store.transaction(null, (tx) => {
    const stored = find(tx, id);
    checkEtag(stored, precondition);
    removeConfiguration(tx, stored);
    return stored;
  });
  await context.configurations.changed(deleted.id, deleted.kind);
}

/** Tells what is wrong with a target condition and with metric queries, without storing anything. */
export async function testConfigurationQueries(
  context: HubContext,
  principal: Principal,
  body: JsonObject,
): Promise<JsonObject> {
  demandRead(principal);
  const { queryDialect: dialect } = context.settings;
  const condition = body["targetCondition"] ?? "";
  const queries = body["customMetricQueries"] ?? {};
  if (typeof condition !== "string") throw argumentInvalid("targetCondition must be text");
  if (!isObject(queries)) throw argumentInvalid("customMetricQueries must be an object");
  const entries = Object.entries(queries);
  if (entries.length > maxTestQueries)
    throw argumentInvalid(`customMetricQueries are ${maxTestQueries} at most`);
  const errors: Record<string, string> = {};
  for (const [name, text] of entries) {
    const problem = typeof text === "string" ? metricProblem(text, dialect) : "it must be text";
    if (problem !== null) errors[name] = problem;
  }
  return {
    targetConditionError: targetProblem(condition, dialect),
    customMetricQueryErrors: errors,
  };
}

function checkPut(
  tx: HubTx,
  id: string,
  before: Configuration | undefined,
  precondition: Precondition,
): void {
  const etag = before === undefined ? undefined : identityEtag(before.etagNumber);
  const updates = meansExisting(precondition, etag);
  if (before === undefined) {
    if (updates) throw notFound(id);
    if (allConfigurations(tx).length < maxConfigurations) return;
    throw new HubError(
      "ConfigurationCountLimitExceeded",
      `The hub already has ${maxConfigurations} configurations, its limit`,
    );
  }
  if (!updates) {
    throw new HubError("ConfigurationAlreadyExists", `There is a configuration '${id}' already`);
  }
  checkEtag(before, precondition);
}

function checkEtag({ id, etagNumber }: Configuration, precondition: Precondition): void {
  const etag = identityEtag(etagNumber);
  if (satisfies(precondition, etag)) return;
  throw new HubError(
    "PreconditionFailed",
    `The etag of configuration ${id} is ${etag}, not the one given in If-Match`,
  );
}

function find(tx: HubTx, id: string): Configuration {
  const stored = readStored(tx, id);
  if (stored === undefined) throw notFound(id);
  return stored;
}

function notFound(id: string): HubError {
  const shown = id.slice(0, 128).replaceAll(";", " ");
  return new HubError("ConfigurationNotFound", `There is no configuration '${shown}'`);
}

function resourceOf({ settings }: HubContext, tx: HubTx, stored: Configuration): Resource {
  return {
    etag: identityEtag(stored.etagNumber),
    body: configurationView(stored, readResults(tx, stored.id), settings.queryDialect),
  };
}

/** Azure does not say; these are spec/semantics §3. */
function demandRead(principal: Principal): void {
  demand(principal, "RegistryRead", "ServiceConnect");
}

export function demandWrite(principal: Principal): void {
  demand(principal, "RegistryWrite");
  demand(principal, "ServiceConnect");
}
