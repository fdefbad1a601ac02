import type { Command } from "commander";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { Column } from "../output.ts";

const route = "/$hub/indexes";

/** An index on a large hub takes its time, in milliseconds. */
const buildTimeout = 300_000;

const columns: readonly Column[] = [
  ["PATH", "path"],
  ["CREATED", "createdTime"],
  ["USED", "isUsed"],
];

/** `index create | list | delete`: values inside twins that queries find without looking at every twin. */
export function addIndex(program: Command, io: Io): void {
  const group = program
    .command("index")
    .description("declared indexes on values inside twins, for faster queries");
  const argument = "as in a query, for example properties.reported.firmware";
  hubCommand(
    group
      .command("create")
      .description("make an index, or leave the one that is there")
      .argument("<path>", argument),
    io,
    async ({ hub, operands: [path = ""] }) => ({
      value: await hub.object("POST", route, { body: { path }, timeout: buildTimeout }),
    }),
  );
  hubCommand(group.command("list").description("list the indexes"), io, async ({ hub }) => ({
    value: await hub.list(route),
    columns,
  }));
  hubCommand(
    group.command("delete").description("drop an index").argument("<path>", argument),
    io,
    async ({ hub, operands: [path = ""] }) => {
      await hub.request("DELETE", route, { query: { path } });
      return undefined;
    },
  );
}
