import path from "node:path";
import { type Command, Option } from "commander";
import { CliError } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { GivenOptions } from "../options.ts";
import { render } from "../output.ts";
import { dataDirectory } from "../target.ts";

/** `backup` and `restore`: copies of a data directory, made while a hub runs on it and put back while none does. */
export function addBackup(program: Command, io: Io, version: string): void {
  withOptions(
    program
      .command("backup")
      .description("copy the state of this machine's hub, while it runs or not: it holds all keys")
      .argument("<target>", "an archive if it ends with .tar, else a directory; must not be there"),
  ).action(async (target: string, _options: unknown, command: Command) => {
    const options = new GivenOptions(command);
    const directory = dataDirectory(options, io);
    const file = path.resolve(io.directory, target);
    const { createBackup } = await import("../../backup.ts");
    const made = await createBackup({ directory, target: file, version, now: io.now }).catch(
      refused,
    );
    show({ backup: file, dataDir: directory, ...summary(made) }, options, io);
  });
  withOptions(
    program
      .command("restore")
      .description("put a backup into an empty data directory, after it has been verified")
      .argument("<backup>", "what 'twinhub backup' made")
      .option("--force", "put aside what the data directory holds, into replaced-… within it"),
  ).action(async (source: string, _options: unknown, command: Command) => {
    const options = new GivenOptions(command);
    const directory = dataDirectory(options, io);
    const file = path.resolve(io.directory, source);
    const force = options.toggle("force") ?? false;
    const { restoreBackup } = await import("../../backup.ts");
    const done = await restoreBackup({ source: file, directory, force, now: io.now }).catch(
      refused,
    );
    const { manifest, replaced } = done;
    show({ backup: file, dataDir: directory, replaced, ...summary(manifest) }, options, io);
  });
}

function withOptions(command: Command): Command {
  return command
    .option("--data <directory>", "the hub's data directory (default: ./data)")
    .addOption(
      new Option("-o, --output <format>", "form of the answer")
        .choices(["json", "table"])
        .default("json"),
    );
}

interface Manifest {
  readonly version: string;
  readonly createdTime: string;
  readonly schema: number;
  readonly files: readonly { readonly bytes: number }[];
}

function summary({ version, createdTime, schema, files }: Manifest) {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { createdTime, version, schema, files: files.length, bytes };
}

/** The stores' own failures are one line each; they are not to be imported from here. */
function refused(error: unknown): never {
  const names: readonly string[] = ["BackupError", "StoreOpenError"];
  if (error instanceof Error && names.includes(error.name)) throw new CliError(error.message);
  throw error;
}

function show(
  value: Readonly<Record<string, string | number | null>>,
  options: GivenOptions,
  io: Io,
): void {
  io.out(render(value, options.text("output") === "table" ? "table" : "json"));
}
