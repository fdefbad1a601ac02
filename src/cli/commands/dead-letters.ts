import type { Command } from "commander";
import { UsageError } from "../cli-error.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { GivenOptions } from "../options.ts";
import type { Column } from "../output.ts";

export const endpointsPath = "/$hub/endpoints";

const columns: readonly Column[] = [
  ["ID", "id"],
  ["REASON", "reason"],
  ["TRIES", "deliveryCount"],
  ["DEVICE", "deviceId"],
  ["MODULE", "moduleId"],
  ["ENQUEUED", "enqueuedTime"],
  ["ERROR", "error"],
];

/** `message-endpoint dead-letters list | retry | delete | purge`. */
export function addDeadLetters(endpoints: Command, io: Io): void {
  const group = endpoints
    .command("dead-letters")
    .description("messages that an endpoint never accepted");
  const command = (name: string, text: string): Command =>
    endpointOption(group.command(name).description(text));

  hubCommand(
    command("list", "list the oldest ones").option("--top <count>", "at most so many, up to 100"),
    io,
    async ({ hub, options }) => {
      const top = String(options.integer("top", 1, 100) ?? 100);
      return { value: await hub.list(lettersPath(options), { top }), columns };
    },
  );
  hubCommand(
    command("retry", "send one again, or all of them, behind the messages that wait")
      .option("--id <id>", "as the list shows it")
      .option("--all", "all of them"),
    io,
    retry,
  );
  hubCommand(
    command("delete", "delete one").requiredOption("--id <id>", "as the list shows it"),
    io,
    async ({ hub, options }) => {
      await hub.request("DELETE", letterPath(options));
      return undefined;
    },
  );
  hubCommand(command("purge", "delete all of them"), io, async ({ hub, options }) => ({
    value: await hub.object("DELETE", lettersPath(options)),
  }));
}

async function retry({ hub, options }: Call): Promise<Result | undefined> {
  const all = options.toggle("all") === true;
  if (all === (options.text("id") !== undefined))
    throw new UsageError("Give either --id with the id of a dead letter, or --all");
  if (all) return { value: await hub.object("POST", `${lettersPath(options)}/retry`) };
  await hub.request("POST", `${letterPath(options)}/retry`);
  return undefined;
}

export function endpointOption(of: Command): Command {
  return of.requiredOption("--en, --endpoint-name <name>", "the endpoint");
}

export function endpointPath(options: GivenOptions): string {
  return `${endpointsPath}/${encodeURIComponent(options.required("endpointName"))}`;
}

function lettersPath(options: GivenOptions): string {
  return `${endpointPath(options)}/deadLetters`;
}

function letterPath(options: GivenOptions): string {
  return `${lettersPath(options)}/${encodeURIComponent(options.required("id"))}`;
}
