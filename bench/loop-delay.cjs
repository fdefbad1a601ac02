// Loaded into a hub: writes what its event loop's delay was to the file named by BENCH_LOOP_DELAY, once a second, and at
// SIGUSR2, when it begins anew. BENCH_LOOP_RESOLUTION: milliseconds between two looks.
const { renameSync, writeFileSync } = require("node:fs");
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { isMainThread } = require("node:worker_threads");

const file = process.env["BENCH_LOOP_DELAY"];
/** The timer's own interval, which is part of every value. */
const RESOLUTION = Number(process.env["BENCH_LOOP_RESOLUTION"] ?? 10);

if (file !== undefined && isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  const ms = (/** @type {number} */ nanos) => Math.max(0, nanos / 1e6 - RESOLUTION);
  /** How often it began anew. */
  let marks = 0;
  const write = () => {
    const [p50, p99, max] = [delays.percentile(50), delays.percentile(99), delays.max];
    const text = JSON.stringify({ marks, p50: ms(p50), p99: ms(p99), max: ms(max) });
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  setInterval(write, 1000).unref();
  process.on("SIGUSR2", () => {
    marks++;
    write();
    delays.reset();
  });
}
