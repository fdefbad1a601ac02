// `npm run bench:crash`: kills the store and the hub over and over and looks for what was lost (goal 20), then watches the
// hub's system calls for an acknowledgement that left before its flush (goal 21). README.md says what the rows mean.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { traceFlushes } from "./flushes.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    minutes: { type: "string" },
    "only-flushes": { type: "boolean", default: false },
    writes: { type: "string", default: "2000" },
    dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
  },
});

const root = path.join(import.meta.dirname, "..");
const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-crash-"));
let failed = false;
try {
  if (!values["only-flushes"]) {
    const report = path.join(directory, "report.jsonl");
    const code = await killAndLook(report);
    if (existsSync(report)) process.stdout.write(readFileSync(report, "utf8"));
    failed ||= code !== 0;
  }
  for (const durability of /** @type {const} */ (["disk", "os"])) {
    const data = path.join(directory, durability);
    const figures = await traceFlushes({
      dist: values.dist,
      data,
      durability,
      writes: Number(values.writes),
    });
    process.stdout.write(`${JSON.stringify({ scenario: "flushes", durability, ...figures })}\n`);
    // Without flushes there must be some, or the watch sees nothing.
    failed ||=
      figures.skipped === undefined && (figures.unflushed === 0) !== (durability === "disk");
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/**
 * Runs the crash tests in their long form: one place says what is written, killed and compared.
 *
 * @param {string} report
 * @returns {Promise<number | null>}
 */
function killAndLook(report) {
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const tests = ["test/crash/kill.test.ts", "test/crash/messages.test.ts"];
  const env = {
    ...process.env,
    CRASH_REPORT: report,
    CRASH_KILLS: values.kills,
    ...(values.minutes === undefined ? {} : { CRASH_MINUTES: values.minutes }),
  };
  const child = spawn(process.execPath, [vitest, "run", ...tests], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}
