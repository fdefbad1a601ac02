// Loaded into the hub with --import: on SIGUSR2 it writes the event loop's delay since the last time to the file that
// BENCH_LOOP_FILE names.
import { renameSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 1;
const file = process.env["BENCH_LOOP_FILE"] ?? "";
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
process.on("SIGUSR2", () => {
  // The histogram counts the timer's own interval, too.
  const ms = (/** @type {number} */ nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  writeFileSync(
    `${file}.new`,
    JSON.stringify({ p99: ms(delay.percentile(99)), max: ms(delay.max) }),
  );
  renameSync(`${file}.new`, file);
  delay.reset();
});
