// Servers run as processes of their own, so that /proc tells their CPU and memory apart from the generator's.
import { spawn } from "node:child_process";
import net from "node:net";

const READY_MS = 30_000;
const STOP_MS = 10_000;
const KEPT_OUTPUT = 4000;

/**
 * @typedef {object} Running
 * @property {number} pid
 * @property {() => string} output the end of what it printed
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} Target a server under measurement
 * @property {string} name
 * @property {import("../generator/client.js").Endpoint} endpoint
 * @property {number} pid
 * @property {readonly import("../generator/client.js").Identity[]} identities
 * @property {() => Promise<void>} stop
 * @property {import("../generator/client.js").Endpoint} [plainEndpoint] the same server without TLS
 * @property {() => Promise<void>} [settle] has it load what it loads later than at its start
 * @property {() => Promise<void>} [afterRound] brings it back to the state at the start of a round
 */

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ servers: readonly number[] | null }} pin cores for servers
 * @returns {Running & { line: Promise<string> }} `line` is the first complete line on its standard output
 */
export function run(command, args, pin) {
  /** @type {import("node:child_process").SpawnOptionsWithStdioTuple<"ignore", "pipe", "pipe">} */
  const options = { stdio: ["ignore", "pipe", "pipe"], env: environment() };
  const child =
    pin.servers === null
      ? spawn(command, args, options)
      : spawn("taskset", ["-c", pin.servers.join(","), command, ...args], options);
  let output = "";
  let firstLine = "";
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  /** @type {Promise<string>} */
  const line = new Promise((resolve, reject) => {
    const fail = (/** @type {string} */ why) =>
      reject(new Error(`${command} ${args[0] ?? ""}: ${why}\n${output}`));
    const timer = setTimeout(() => fail(`not ready within ${READY_MS / 1000} s`), READY_MS);
    child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      output = (output + text).slice(-KEPT_OUTPUT);
      if (!firstLine.includes("\n")) firstLine += text;
      if (firstLine.includes("\n")) {
        clearTimeout(timer);
        resolve(firstLine.slice(0, firstLine.indexOf("\n")));
      }
    });
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => fail(`ended with ${code}`));
    void exited.then(() => clearTimeout(timer));
  });
  // A target without a line to wait for must not turn its end into an unhandled rejection.
  line.catch(() => {});
  child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
    output = (output + text).slice(-KEPT_OUTPUT);
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  };
  return { pid: child.pid ?? 0, output: () => output, stop, line };
}

/** Where this variable names a machine's roots, each Node reads all of them before anything else: 45 ms of the machine, not of a server. */
function environment() {
  const { NODE_EXTRA_CA_CERTS: _, ...others } = process.env;
  return others;
}

/**
 * A port that was free a moment ago, for servers that cannot choose one themselves.
 *
 * @param {string} host
 * @returns {Promise<number>}
 */
export function freePort(host) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

/**
 * Resolves as soon as a TCP connection is accepted.
 *
 * @param {string} host
 * @param {number} port
 * @param {() => string} output shown if nobody ever accepts
 */
export async function accepting(host, port, output) {
  const deadline = performance.now() + READY_MS;
  while (!(await accepts(host, port))) {
    if (performance.now() > deadline)
      throw new Error(`nobody listens on ${host}:${port}\n${output()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}

/** @param {string} host @param {number} port @returns {Promise<boolean>} */
function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
