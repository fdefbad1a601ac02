import { expect } from "vitest";
import type { FuzzReport } from "./run.ts";

/** A busy machine delays everybody; a hub that is blocked delays them for longer. Milliseconds. */
const longestWait = 3_000;
/** What caches and the state of a hub may grow by during a run, in bytes. */
const maxGrown = 96 * 2 ** 20;
/** Of sockets that are still closing. */
const maxDescriptors = 4;

/** What holds after each run, however long. */
export function expectUnharmed(report: FuzzReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
  expect(report.faults).toEqual([]);
  expect(report.honest.p99).toBeLessThan(longestWait);
  expect(report.grown).toBeLessThan(maxGrown);
  expect(report.descriptors).toBeLessThanOrEqual(maxDescriptors);
}
