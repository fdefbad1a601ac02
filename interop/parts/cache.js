import { mkdirSync } from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..", ".cache");

/**
 * A folder for what is downloaded and built, kept from run to run, not in git.
 * @param {readonly string[]} names
 */
export function cached(...names) {
  const folder = path.join(root, ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}
