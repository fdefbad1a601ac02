import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import { ConfigError } from "./config-error.ts";

/** Largest configuration file, in bytes. */
export const maxConfigFileSize = 1_048_576;

/** The entries of a YAML (or JSON) file whose content is a mapping; none for an empty file. Throws `ConfigError`. */
export function readConfigFile(file: string): [string, unknown][] {
  const content = parseYaml(file, readText(file));
  if (content === null || content === undefined) return [];
  if (typeof content !== "object" || Array.isArray(content))
    throw new ConfigError(`${file} must hold 'name: value' lines`);
  return Object.entries(content);
}

function readText(file: string): string {
  try {
    if (statSync(file).size > maxConfigFileSize)
      throw new ConfigError(`${file} is larger than ${maxConfigFileSize} bytes`);
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new ConfigError(
      code === "ENOENT"
        ? `The configuration file ${file} does not exist`
        : `The configuration file ${file} cannot be read (${code})`,
    );
  }
}

function parseYaml(file: string, text: string): unknown {
  // Loaded for those who have a file: it would take a start longer than all other settings together.
  const { parse } = createRequire(import.meta.url)("yaml") as typeof Yaml;
  try {
    return parse(text, { prettyErrors: true });
  } catch (error) {
    const [reason = ""] = error instanceof Error ? error.message.split("\n") : [];
    throw new ConfigError(`${file} is not valid YAML: ${reason.replace(/:$/, "")}`);
  }
}
