import type { Command } from "commander";
import { type Json, isObject } from "../../domain/json.ts";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { Column } from "../output.ts";
import { queryRows, topOf } from "../query-work.ts";

/** `query`: the answer of a query over twins or job results. */
export function addQuery(program: Command, io: Io): void {
  hubCommand(
    program
      .command("query")
      .description("ask for twins or job results in IoT Hub's query language")
      .requiredOption(
        "-q, --query-command <text>",
        "for example \"SELECT * FROM devices.modules WHERE tags.site = 'a'\"",
      )
      .option("--top <count>", "at most so many rows; all if missing"),
    io,
    async ({ hub, options }) => {
      const value = await queryRows(hub, options.required("queryCommand"), topOf(options));
      return { value, columns: columnsOf(value) };
    },
  );
}

/** The members that hold one value, in the order in which they come up. */
function columnsOf(rows: readonly Json[]): readonly Column[] {
  const names = new Set<string>();
  for (const row of rows) {
    if (!isObject(row)) continue;
    for (const [name, value] of Object.entries(row)) if (!isObject(value)) names.add(name);
  }
  // A dot would be read as a path.
  return [...names]
    .filter((name) => !name.includes("."))
    .map((name) => [name.toUpperCase(), name] as const);
}
