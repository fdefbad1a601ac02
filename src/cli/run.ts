import { readFileSync } from "node:fs";
import path from "node:path";
import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { HubError } from "../domain/errors.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { addStart } from "./commands/start.ts";
import type { Io } from "./io.ts";

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** Runs one command line (without `node` and the script) and resolves with the exit code. Never rejects. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await createProgram(args, io);
    await program.parseAsync(args, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    return report(error, io);
  }
}

async function createProgram(args: readonly string[], io: Io): Promise<Command> {
  const program = new Command("twinhub")
    .description(
      "A self-hosted hub for devices and modules with twins, compatible with Azure IoT Hub",
    )
    .version(version())
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showSuggestionAfterError()
    .exitOverride();
  // Subcommands take these settings over when they are made, so they come after them.
  addStart(program, io);
  // A hub starts sooner when nobody reads the code of the other commands.
  if (args[0] !== "start") {
    const { addOtherCommands } = await import("./other-commands.ts");
    addOtherCommands(program, io, version());
  }
  return program;
}

function report(error: unknown, io: Io): number {
  // Commander has written its message already; help and version end with 0.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) {
    io.err(`error: ${error.message}\n`);
    return exitCodes.usage;
  }
  if (error instanceof CliError || error instanceof HubError) {
    io.err(`error: ${error.message}\n`);
    return exitCodes.failed;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.err(`error: This is a defect of twinhub: ${details}\n`);
  return exitCodes.failed;
}

function version(): string {
  const file = path.join(import.meta.dirname, "..", "..", "package.json");
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof content === "object" && content !== null && "version" in content
    ? String(content.version)
    : "unknown";
}
