// The event loop's delay of a hub, as `loop-delay.cjs` tells it from inside.
import { readFileSync } from "node:fs";
import path from "node:path";

/** @typedef {{ marks: number, p50: number, p99: number, max: number }} LoopDelay milliseconds */

const WAIT_MS = 5;
const TRIES = 2000;

/** Options of Node that load the probe. */
export const LOOP_PROBE = ["--require", path.join(import.meta.dirname, "loop-delay.cjs")];

/** @param {string} file @returns {LoopDelay | undefined} */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Not there yet.
    return undefined;
  }
}

/**
 * The delay since this was called the last time, or since the start.
 *
 * @param {number} pid
 * @param {string} file
 * @returns {Promise<LoopDelay>}
 */
export async function loopDelay(pid, file) {
  const before = read(file)?.marks ?? 0;
  process.kill(pid, "SIGUSR2");
  for (let tries = 0; tries < TRIES; tries++) {
    await new Promise((resolve) => {
      setTimeout(resolve, WAIT_MS);
    });
    const now = read(file);
    if (now !== undefined && now.marks > before) return now;
  }
  throw new Error("the hub does not tell its event loop's delay");
}
