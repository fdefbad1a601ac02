import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Of the package that this file belongs to, `0.1.0`; `unknown` if it can't be told. */
export function readVersion(): string {
  const file = join(import.meta.dirname, "..", "package.json");
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof content === "object" && content !== null && "version" in content
    ? String(content.version)
    : "unknown";
}
