import type { Command } from "commander";
import type { Json } from "../domain/json.ts";
import { HubClient } from "./client.ts";
import type { Io } from "./io.ts";
import { GivenOptions, addHubOptions } from "./options.ts";
import { type Column, render } from "./output.ts";
import { findTarget } from "./target.ts";

export interface Call {
  readonly hub: HubClient;
  readonly options: GivenOptions;
  /** What stands on the command line without a flag. */
  readonly operands: readonly string[];
  readonly io: Io;
}

/** What a command prints; nothing for `undefined`. */
export interface Result {
  readonly value: Json;
  /** For a list shown as a table. */
  readonly columns?: readonly Column[];
}

/** Adds the options that every such command has, finds the hub, does the work, and prints the result. */
export function hubCommand(
  command: Command,
  io: Io,
  work: (call: Call) => Promise<Result | undefined>,
): void {
  addHubOptions(command).action(async () => {
    const options = new GivenOptions(command);
    const hub = new HubClient(findTarget(options, io), io.now);
    const result = await work({ hub, options, operands: command.processedArgs.map(String), io });
    if (result === undefined) return;
    const format = options.text("output") === "table" ? "table" : "json";
    io.out(render(result.value, format, result.columns));
  });
}
