import { spawn } from "node:child_process";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
/** The SDKs let nobody choose others. */
const ports = [443, 8883, 5671];

/**
 * @typedef {object} Hub
 * @property {string} connectionString with the policy iothubowner
 * @property {string} caFile
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a hub in memory, with faults to be asked for.
 * @param {string} address
 * @returns {Promise<Hub>}
 */
export async function startHub(address) {
  const args = ["start", "--memory", "--output", "json", "--listen", address, "--fault-injection"];
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  /** @type {string} */
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("close", () => reject(new Error("the hub has ended before it was ready")));
  });
  /** @type {{ connectionString: string, caFile: string }} */
  const { connectionString, caFile } = JSON.parse(line);
  return {
    connectionString,
    caFile: path.resolve(caFile),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** A loopback address at which all ports of the SDKs are free; Linux has many. */
export async function freeAddress() {
  const numbers = os.platform() === "linux" ? Array.from({ length: 32 }, (_, i) => i + 1) : [];
  const candidates = [...numbers.map((number) => `127.88.0.${number}`), "127.0.0.1"];
  let forbidden = false;
  for (const address of candidates) {
    const failures = await Promise.all(ports.map((port) => bindFailure(port, address)));
    if (failures.every((failure) => failure === undefined)) return address;
    forbidden ||= failures.includes("EACCES");
  }
  throw new Error(
    forbidden
      ? "may not listen on port 443: see docs/reference/configuration.md, Ports"
      : `the ports ${ports.join(", ")} are taken on every loopback address tried`,
  );
}

/**
 * @param {number} port
 * @param {string} address
 * @returns {Promise<string | undefined>} the error's code
 */
async function bindFailure(port, address) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error) => resolve("code" in error ? String(error.code) : "unknown"));
    probe.listen(port, address, () => probe.close(() => resolve(undefined)));
  });
}
