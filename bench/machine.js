// What the numbers were measured on, and what one flush of its disk costs.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

import { median } from "./statistics.js";

const TMPFS = 0x01021994;

/** @param {string} directory */
export function describeMachine(directory) {
  const cpus = os.cpus();
  return {
    cpu: `${cpus.length} x ${cpus[0]?.model.trim() ?? "unknown"}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    openssl: process.versions.openssl,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    diskIsMemory: statfsSync(directory).type === TMPFS,
  };
}

/** @typedef {ReturnType<typeof describeMachine> & { flushMs: number }} Machine */

function commit() {
  try {
    const options = { cwd: import.meta.dirname, encoding: /** @type {const} */ ("utf8") };
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], options).trim();
  } catch {
    return "unknown";
  }
}

/**
 * Median of 50 appends of 4 KiB, each followed by fdatasync, in milliseconds.
 *
 * @param {string} directory
 */
export function flushMs(directory) {
  const file = path.join(directory, "flush-probe");
  const handle = openSync(file, "w");
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 50 }, () => {
    const began = performance.now();
    writeSync(handle, page);
    fdatasyncSync(handle);
    return performance.now() - began;
  });
  closeSync(handle);
  rmSync(file);
  return median(times);
}

/** /proc counts in ticks of 10 ms on every Linux that Node supports. */
const TICK_MICROS = 10_000;

/**
 * User and system time of a process with all its threads, in microseconds; undefined where /proc is absent.
 *
 * @param {number} pid
 * @returns {number | undefined}
 */
export function cpuMicros(pid) {
  const stat = read(`/proc/${pid}/stat`);
  // The command name, in brackets, may contain blanks: count fields behind it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields === undefined) return undefined;
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}

/**
 * Time that all cores together were busy since the machine started, in microseconds; undefined where /proc is absent.
 *
 * @returns {number | undefined}
 */
export function busyMicros() {
  const fields = read("/proc/stat")?.split("\n", 1)[0]?.trim().split(/\s+/).slice(1, 9).map(Number);
  if (fields === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] =
    fields;
  return (user + nice + system + interrupts + softInterrupts + stolen) * TICK_MICROS;
}

/**
 * Resident set of a process in KiB; undefined where /proc is absent.
 *
 * @param {number} pid
 * @returns {number | undefined}
 */
export function residentKiB(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "");
  return match === null ? undefined : Number(match[1]);
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
