import { maxConfigurations } from "../../domain/configurations/configuration.ts";
import { configurationView } from "../../domain/configurations/configuration-view.ts";
import { HubError, argumentInvalid } from "../../domain/errors.ts";
import { anyEtag, noPrecondition, parsePrecondition } from "../../domain/identity/etag.ts";
import type { JsonObject } from "../../domain/json.ts";
import { parseTwinObject } from "../../domain/twin/parse.ts";
import { putConfigurationById } from "../configurations/configurations.ts";
import { allConfigurations, readStored } from "../configurations/stored-configurations.ts";
import type { HubContext } from "../context.ts";
import type { BlobContent } from "../ports.ts";
import type { PolicyPrincipal } from "../principal.ts";
import { linesOf } from "./import-registry.ts";

/** As whom configurations are written: whoever made the job had these rights. */
const importer: PolicyPrincipal = {
  kind: "policy",
  policy: "import",
  rights: ["RegistryWrite", "ServiceConnect"],
};

/** Every configuration as a line of JSON, in the order of their making, which decides among equal priorities. */
export async function* configurationLines({
  store,
  settings,
}: Pick<HubContext, "store" | "settings">): AsyncGenerator<Uint8Array> {
  const all = await store.transaction(null, allConfigurations);
  for (const stored of all.toSorted((a, b) => a.creation - b.creation)) {
    const view = configurationView(stored, undefined, settings.queryDialect);
    yield Buffer.from(`${JSON.stringify(view)}\n`);
  }
}

/**
 * Writes the configurations of a file of such lines, in their order; what cannot be written is told to `onError` and
 * stops nothing. Applied twice, it changes nothing more.
 */
export async function importConfigurations(
  context: HubContext,
  content: BlobContent,
  onError: (error: JsonObject) => Promise<void>,
): Promise<void> {
  let line = 0;
  for await (const text of linesOf(content, () => {})) {
    line += 1;
    if (text.trim() === "") continue;
    if (line > 10 * maxConfigurations)
      throw argumentInvalid(`A file of configurations has ${10 * maxConfigurations} lines at most`);
    try {
      await importConfiguration(context, parseTwinObject(text));
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const { number: errorCode, name: errorStatus, message } = error;
      await onError({ configurationsLine: line, errorCode, errorStatus, message });
    }
  }
}

async function importConfiguration(context: HubContext, entry: JsonObject): Promise<void> {
  const { id, etag, importMode = "createOrUpdate" } = entry;
  if (typeof id !== "string") throw argumentInvalid("id must be text");
  const mode = typeof importMode === "string" ? importMode.toLowerCase() : "";
  const isThere = await context.store.transaction(null, (tx) => readStored(tx, id) !== undefined);
  let precondition = isThere ? anyEtag : noPrecondition;
  if (isThere && mode === "createorupdateifmatchetag")
    precondition = parsePrecondition(typeof etag === "string" ? `"${etag}"` : undefined);
  else if (mode !== "createorupdate" && mode !== "createorupdateifmatchetag")
    throw argumentInvalid("importMode of a configuration is not known");
  await putConfigurationById(context, importer, id, entry, precondition);
}
