// Loaded into the hub by the scenario "load": writes what the event loop's delay was, once a second, to the file named
// by BENCH_LOOP_DELAY.
const { writeFileSync } = require("node:fs");
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { isMainThread } = require("node:worker_threads");

const file = process.env["BENCH_LOOP_DELAY"];
/** The timer's own interval, which is part of every value. */
const RESOLUTION = 10;

if (file !== undefined && isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  const ms = (/** @type {number} */ nanos) => Math.max(0, nanos / 1e6 - RESOLUTION);
  setInterval(() => {
    const [p50, p99, max] = [delays.percentile(50), delays.percentile(99), delays.max];
    writeFileSync(file, JSON.stringify({ p50: ms(p50), p99: ms(p99), max: ms(max) }));
  }, 1000).unref();
}
