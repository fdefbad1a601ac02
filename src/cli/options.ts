import { type Command, Option } from "commander";
import { flagName } from "../config/names.ts";
import { UsageError } from "./cli-error.ts";

/** A command's options as they were given: everything is text, a list of texts or a switch until it has been read. */
export class GivenOptions {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(command: Command) {
    this.#values = new Map(Object.entries(command.opts<Record<string, unknown>>()));
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === "string" ? value : undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "")
      throw new UsageError(`${flagName(name)} must not be empty`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A switch, or `true` and `false` as text. */
  toggle(name: string): boolean | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : value === true || value === "true";
  }

  integer(name: string, from: number, to: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new UsageError(`${flagName(name)} must be a whole number from ${from} to ${to}`);
  }
}

/** The options of every command that talks to a hub; the first of `formats` is the one it prints unless told otherwise. */
export function addHubOptions(
  command: Command,
  formats: readonly [string, ...string[]] = ["json", "table"],
): Command {
  // Where `--data` is a message's body, the directory is told by TWINHUB_DATA.
  if (!command.options.some(({ long }) => long === "--data"))
    command.option(
      "--data <directory>",
      "data directory of a hub on this machine (default: ./data)",
    );
  return command
    .option(
      "-l, --login <connection string>",
      "of the hub; else IOTHUB_CONNECTION_STRING, else <data>/hub.json",
    )
    .option("--https-port <port>", "where the hub serves HTTPS, if not on 443")
    .option(
      "--ca <file>",
      "PEM of the CA to trust; else TWINHUB_CA_FILE, NODE_EXTRA_CA_CERTS, <data>/hub.json",
    )
    .addOption(
      new Option("-o, --output <format>", "form of the answer")
        .choices(formats)
        .default(formats[0]),
    );
}

export function deviceOption(command: Command): Command {
  return command.requiredOption("-d, --device-id <id>", "the device");
}

export function moduleOption(command: Command): Command {
  return command.requiredOption("-m, --module-id <id>", "the module");
}

export function etagOption(command: Command): Command {
  return command.option("-e, --etag <etag>", "do it only if this is still the etag");
}

export function keyTypeOption(): Option {
  return new Option("--kt, --key-type <key>", "which of the two keys")
    .choices(["primary", "secondary"])
    .default("primary");
}

/** An option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser(
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  );
}
