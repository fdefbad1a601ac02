/**
 * What a part has shown. `output` is printed if something failed.
 * @typedef {{ what: string, passed: number, failed: number, output: string }} Outcome
 *
 * @typedef {{ name: string, run(hub: import("./hub.js").Hub): Promise<Outcome> }} Part
 */

/** A part cannot run here: its runtime or what it installs is not to be had. The message says which line brings it. */
export class NotRun extends Error {}

/**
 * Counts the tests in JUnit reports, which pytest and Surefire both write.
 * @param {readonly string[]} reports XML
 */
export function countTests(reports) {
  let tests = 0;
  let failed = 0;
  for (const report of reports) {
    for (const [, body] of report.matchAll(/<testcase\b[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
      tests++;
      if (body !== undefined && /<(failure|error)\b/.test(body)) failed++;
    }
  }
  return { passed: tests - failed, failed };
}
