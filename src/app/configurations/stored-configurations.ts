import type { AppliedSettings, Setting } from "../../domain/configurations/apply.ts";
import type { Configuration, MetricResults } from "../../domain/configurations/configuration.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { HubTx } from "../ports.ts";

const configurations = "configurations";
const results = "configurationMetrics";
/** Configurations that are gone, but whose settings may still stand in twins. */
const removed = "removedConfigurations";
const settings = "configurationSettings";

/** In ordinal order of their ids. */
export function allConfigurations(tx: HubTx): readonly Configuration[] {
  return tx.documents(configurations).map(({ value }) => value as unknown as Configuration);
}

export function readStored(tx: HubTx, id: string): Configuration | undefined {
  return tx.document(configurations, id) as unknown as Configuration | undefined;
}

export function putConfiguration(tx: HubTx, configuration: Configuration): void {
  tx.putDocument(configurations, configuration.id, configuration as unknown as JsonObject);
}

/** Removes the configuration; its settings are withdrawn by a sweep, which survives a restart. */
export function removeConfiguration(tx: HubTx, { id, kind }: Configuration): void {
  tx.deleteDocument(configurations, id);
  tx.deleteDocument(results, id);
  tx.putDocument(removed, id, { kind });
}

/** Ids and kinds of configurations whose settings are still to be withdrawn. */
export function removedConfigurations(tx: HubTx): readonly Pick<Configuration, "id" | "kind">[] {
  return tx
    .documents(removed)
    .map(({ id, value }) => ({ id, kind: value["kind"] as Configuration["kind"] }));
}

/** A sweep over the targets of that kind is done. */
export function forgetRemoved(tx: HubTx, { id, kind }: Pick<Configuration, "id" | "kind">): void {
  if (tx.document(removed, id)?.["kind"] === kind) tx.deleteDocument(removed, id);
}

export function readResults(tx: HubTx, id: string): MetricResults | undefined {
  return tx.document(results, id) as unknown as MetricResults | undefined;
}

export function putResults(tx: HubTx, id: string, value: MetricResults): void {
  if (readStored(tx, id) !== undefined) tx.putDocument(results, id, value as unknown as JsonObject);
}

/** What configurations have written into a twin; nothing if it was an earlier identity's of the same name. */
export function readSettings(tx: HubTx, key: IdentityKey): AppliedSettings {
  const stored = tx.document(settings, keyText(key));
  if (stored === undefined || stored["generationId"] !== tx.identity(key)?.generationId)
    return new Map();
  return new Map(stored["settings"] as unknown as readonly [string, Setting][]);
}

export function putSettings(tx: HubTx, key: IdentityKey, applied: AppliedSettings): void {
  if (applied.size === 0) return deleteSettings(tx, key);
  const generationId = tx.identity(key)?.generationId ?? "";
  const entries = [...applied] as unknown as JsonObject[];
  tx.putDocument(settings, keyText(key), { generationId, settings: entries });
}

/** To be called when the identity is deleted. */
export function deleteSettings(tx: HubTx, key: IdentityKey): void {
  if (tx.document(settings, keyText(key)) !== undefined) tx.deleteDocument(settings, keyText(key));
}
