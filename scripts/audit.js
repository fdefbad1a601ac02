// Asks the registry for known vulnerabilities of what is installed by `npm ci`. Findings that are high or critical fail;
// a registry that does not answer the question is said to be so, and fails nothing.
import { spawnSync } from "node:child_process";

const { stdout } = spawnSync("npm", ["audit", "--json"], { encoding: "utf8", timeout: 120_000 });
const found = severities(stdout ?? "");
if (found === undefined) {
  process.stderr.write(
    "audit: the registry did not answer, so nothing is known of vulnerabilities\n",
  );
} else {
  const grave = (found["high"] ?? 0) + (found["critical"] ?? 0);
  process.stdout.write(`audit: ${JSON.stringify(found)}\n`);
  if (grave > 0) process.exit(1);
}

/**
 * Counts by severity; undefined if the answer has none.
 * @param {string} text
 * @returns {Record<string, number> | undefined}
 */
function severities(text) {
  try {
    return JSON.parse(text).metadata?.vulnerabilities;
  } catch {
    return undefined;
  }
}
