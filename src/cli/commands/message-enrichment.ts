import { type Command, Option } from "commander";
import { changeStored, givenMembers } from "../given-members.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { type GivenOptions, etagOption } from "../options.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["KEY", "key"],
  ["VALUE", "value"],
  ["ENDPOINTS", "endpointNames"],
];

const all = "/$hub/enrichments";

/** `message-enrichment create | update | list | show | delete`, as `az iot hub` has them. */
export function addMessageEnrichment(program: Command, io: Io): void {
  const group = program
    .command("message-enrichment")
    .alias("enrichment")
    .description("application properties that the hub stamps on messages to endpoints");
  const command = (name: string, text: string): Command =>
    group.command(name).description(text).requiredOption("-k, --key <key>", "the property's name");
  const value = (): Option =>
    new Option(
      "-v, --value <value>",
      "text, $iothubname, or a path such as $twin.tags.site (quote it for your shell)",
    );
  const endpoints = (): Option =>
    new Option("--endpoints <names...>", "endpoints; events is the built-in one");

  hubCommand(
    command("create", "create an enrichment")
      .addOption(value().makeOptionMandatory())
      .addOption(endpoints().makeOptionMandatory()),
    io,
    async ({ hub, options }) => ({
      value: await hub.object("PUT", pathOf(options), { body: changesOf(options) }),
    }),
  );
  hubCommand(
    etagOption(command("update", "change an enrichment").addOption(value()).addOption(endpoints())),
    io,
    update,
  );
  hubCommand(group.command("list").description("list the enrichments"), io, async ({ hub }) => ({
    value: await hub.list(all),
    columns,
  }));
  hubCommand(command("show", "show an enrichment"), io, async ({ hub, options }) => ({
    value: await hub.object("GET", pathOf(options)),
  }));
  hubCommand(
    etagOption(command("delete", "delete an enrichment")),
    io,
    async ({ hub, options }) => {
      await hub.request("DELETE", pathOf(options), { ifMatch: options.text("etag") });
      return undefined;
    },
  );
}

async function update(call: Call): Promise<Result> {
  const { hub, options } = call;
  return { value: await changeStored(hub, pathOf(options), changesOf(options), options) };
}

function changesOf(options: GivenOptions) {
  const endpointNames = options.texts("endpoints");
  return givenMembers({
    value: options.text("value"),
    endpointNames: endpointNames.length === 0 ? undefined : endpointNames,
  });
}

function pathOf(options: GivenOptions): string {
  return `${all}/${encodeURIComponent(options.required("key"))}`;
}
