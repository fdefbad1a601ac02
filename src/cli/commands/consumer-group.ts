import type { Command } from "commander";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { GivenOptions } from "../options.ts";
import type { Column } from "../output.ts";

const path = "/$hub/consumer-groups";

const columns: readonly Column[] = [
  ["NAME", "name"],
  ["CREATED", "createdTime"],
];

/** `consumer-group list | create | delete`, as `az iot hub consumer-group` has them. */
export function addConsumerGroup(program: Command, io: Io): void {
  const group = program
    .command("consumer-group")
    .description("groups of readers of the event log, or of an endpoint's");
  const plain = (name: string, text: string): Command =>
    group
      .command(name)
      .description(text)
      .option("--en, --endpoint-name <name>", "an endpoint of type log", "events");
  const command = (name: string, text: string): Command =>
    plain(name, text).requiredOption(
      "-n, --name <name>",
      "the consumer group; in any case of letters",
    );

  hubCommand(plain("list", "list the consumer groups"), io, async ({ hub, options }) => ({
    value: await hub.list(path, queryOf(options)),
    columns,
  }));
  hubCommand(
    command("create", "create a consumer group, or leave the one that is there"),
    io,
    async ({ hub, options }) => ({
      value: await hub.object("PUT", pathOf(options), { query: queryOf(options) }),
    }),
  );
  hubCommand(
    command("delete", "delete a consumer group; its readers are disconnected"),
    io,
    async ({ hub, options }) => {
      await hub.request("DELETE", pathOf(options), { query: queryOf(options) });
      return undefined;
    },
  );
}

function pathOf(options: GivenOptions): string {
  return `${path}/${encodeURIComponent(options.required("name"))}`;
}

function queryOf(options: GivenOptions): Record<string, string> {
  return { endpoint: options.required("endpointName") };
}
