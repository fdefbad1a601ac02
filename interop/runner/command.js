import { spawn } from "node:child_process";

const keptOutput = 200_000;

/**
 * Runs a program to its end, or kills it and all that it started after `seconds`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, seconds: number }} options
 * @returns {Promise<{ code: number | null, output: string, missing: boolean }>} `missing`: there is no such program
 */
export async function run(command, args, { cwd, env, seconds }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      // A group of its own, so that what it starts ends with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    /** @param {Buffer} bytes */
    const keep = (bytes) => {
      output = (output + bytes.toString()).slice(-keptOutput);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const timer = setTimeout(() => {
      output += `\nended after ${seconds} s`;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, seconds * 1000);
    child.once("error", () => {
      clearTimeout(timer);
      resolve({ code: null, output, missing: true });
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output, missing: false });
    });
  });
}

/**
 * The end of a text, at most `lines` of it.
 * @param {string} text
 * @param {number} lines
 */
export function tail(text, lines) {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}
