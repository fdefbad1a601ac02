// The hub under test: a process of its own, on ports that stay the same when it is killed and started again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

import { residentKiB } from "../machine.js";
import { sasToken } from "../sas.js";

const READY_MS = 120_000;
const STOP_MS = 20_000;
const HOST_NAME = "soak.test";

export class SoakHub {
  host;
  hostName = HOST_NAME;
  ports = { https: 8443, mqtts: 8883, amqps: 5671 };
  ca = "";
  token = "";
  owner = { name: "", key: "" };
  /** Of what it printed to standard error, the end. */
  errors = "";
  starts = 0;
  #args;
  #env;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;

  /** @param {{ host: string, dist: string, data: string, delayFile: string }} options */
  constructor({ host, dist, data, delayFile }) {
    this.host = host;
    this.#args = [
      "--require",
      path.join(import.meta.dirname, "..", "loop-delay.cjs"),
      path.join(dist, "cli", "main.js"),
      "start",
      "--data",
      data,
      "--listen",
      host,
      "--host-name",
      HOST_NAME,
      "--https-port=8443",
      "--mqtts-port=8883",
      "--amqps-port=5671",
      "--output=json",
      "--log-level=error",
    ];
    this.#env = { ...process.env, BENCH_LOOP_DELAY: delayFile };
  }

  async start() {
    const child = spawn(process.execPath, this.#args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: this.#env,
    });
    this.#process = child;
    this.starts++;
    child.stderr.setEncoding("utf8").on("data", (text) => {
      this.errors = (this.errors + text).slice(-8000);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
    const lines = createInterface({ input: child.stdout });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the hub ended with ${code} before it was ready: ${this.errors}`);
    });
    const [line] = await Promise.race([once(lines, "line"), ended]);
    ended.catch(() => {});
    clearTimeout(timer);
    lines.on("line", () => {});
    const { connectionString, caFile } = JSON.parse(line);
    this.ca = readFileSync(caFile, "utf8");
    const field = (/** @type {string} */ name) =>
      new RegExp(`(?:^|;)${name}=([^;]*)`).exec(connectionString)?.[1] ?? "";
    this.owner = { name: field("SharedAccessKeyName"), key: field("SharedAccessKey") };
    this.token = sasToken(HOST_NAME, this.owner.key, this.owner.name);
  }

  get pid() {
    return this.#process?.pid ?? 0;
  }

  /** Ends at once, without any chance to write. */
  async kill() {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends as a service manager would; resolves with its exit code and the time that it took. */
  async stop() {
    const child = this.#process;
    if (child === undefined) return { code: null, seconds: 0 };
    if (child.exitCode !== null || child.signalCode !== null)
      return { code: child.exitCode, seconds: 0 };
    const began = performance.now();
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    const [code] = await ended;
    clearTimeout(timer);
    return { code, seconds: (performance.now() - began) / 1000 };
  }

  /** It has ended by itself. */
  get isGone() {
    const child = this.#process;
    return child === undefined || child.exitCode !== null || child.signalCode !== null;
  }

  get residentMiB() {
    return (residentKiB(this.pid) ?? 0) / 1024;
  }

  get openFiles() {
    try {
      return readdirSync(`/proc/${this.pid}/fd`).length;
    } catch {
      return 0;
    }
  }
}
