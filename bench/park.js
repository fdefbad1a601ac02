// The servers of a run: started when a scenario first needs them, stopped together at the end.
import { rmSync } from "node:fs";
import path from "node:path";

import { LOOP_PROBE } from "./loop.js";
import { aedesMissing, startAedes } from "./targets/aedes.js";
import { startEcho } from "./targets/echo.js";
import { hubMissing, startHub } from "./targets/hub.js";
import { INSTALL_MOSQUITTO, startMosquitto } from "./targets/mosquitto.js";

/**
 * @typedef {object} Context what every measurement needs
 * @property {string} directory for data, certificates and configuration; removed at the end
 * @property {string} dist the built package
 * @property {string} host loopback address of the servers
 * @property {number} modules how many are registered
 * @property {string} key Base64, the key of every module
 * @property {{ ca: string, certFile: string, keyFile: string }} certificates of the baselines
 * @property {{ servers: readonly number[] | null }} pin
 * @property {readonly string[]} nodeArgs options of Node for the hub
 * @property {string | undefined} mosquitto its path
 */

/** @typedef {import("./targets/process.js").Target} Target */
/** @typedef {"hub" | "memory" | "echo" | "mosquitto" | "stored" | "aedes"} TargetId */

/** @type {Record<TargetId, string>} */
export const NAMES = {
  hub: "twinhub",
  memory: "twinhub --memory",
  echo: "Node echo",
  mosquitto: "mosquitto, nobody subscribed",
  stored: "mosquitto, stored",
  aedes: "aedes",
};

export class Park {
  #context;
  /** @type {Map<TargetId, Target>} */
  #running = new Map();
  /** @type {Promise<string> | null} */
  #filled = null;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /**
   * Why a server cannot be measured here, with what to do about it.
   *
   * @param {TargetId} id
   */
  missing(id) {
    if (id === "hub" || id === "memory") return hubMissing(this.#context);
    if (id === "mosquitto" || id === "stored")
      return this.#context.mosquitto === undefined ? INSTALL_MOSQUITTO : undefined;
    if (id === "aedes") return aedesMissing();
    return undefined;
  }

  /**
   * The server that runs for the whole of the benchmark.
   *
   * @param {TargetId} id
   */
  async get(id) {
    const running = this.#running.get(id);
    if (running !== undefined) return running;
    const target = await this.#start(id);
    this.#running.set(id, target);
    return target;
  }

  /** A hub with modules that writes its event loop's delay into a file. */
  async watchedHub() {
    const { directory, nodeArgs } = this.#context;
    const delayFile = path.join(directory, "loop-delay.json");
    process.env["BENCH_LOOP_DELAY"] = delayFile;
    try {
      const context = { ...this.#context, nodeArgs: [...LOOP_PROBE, ...nodeArgs] };
      return { hub: await startHub(context, { data: path.join(directory, "load") }), delayFile };
    } finally {
      delete process.env["BENCH_LOOP_DELAY"];
    }
  }

  /**
   * A server of its own for one round; the hub finds its modules registered.
   *
   * @param {TargetId} id
   * @param {number} [modules] for how many tokens are made, which takes time beside the start
   */
  async fresh(id, modules = this.#context.modules) {
    const context = { ...this.#context, modules };
    if (id !== "hub") return this.#start(id, context);
    return startHub(context, { data: await this.#filledFolder(), register: false });
  }

  /** A hub whose data folder does not exist yet, and one token. */
  async emptyHub() {
    const data = path.join(this.#context.directory, "empty");
    rmSync(data, { recursive: true, force: true });
    return startHub({ ...this.#context, modules: 1 }, { data, register: false });
  }

  /** Has the folder with the registered modules made, so that no round pays for it. */
  async prepare() {
    if (this.missing("hub") === undefined) await this.#filledFolder();
  }

  async stop() {
    const targets = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(targets.map((target) => target.stop()));
  }

  /** @param {TargetId} id @param {Context} [context] @returns {Promise<Target>} */
  #start(id, context = this.#context) {
    switch (id) {
      case "hub":
        return startHub(context, { data: path.join(context.directory, "hub") });
      case "memory":
        return startHub(context, { data: undefined });
      case "echo":
        return startEcho(context);
      case "mosquitto":
        return startMosquitto(context, { stored: false });
      case "stored":
        return startMosquitto(context, { stored: true });
      case "aedes":
        return startAedes(context);
      default:
        throw new Error(`no such server: ${String(id)}`);
    }
  }

  #filledFolder() {
    this.#filled ??= this.#fill();
    return this.#filled;
  }

  async #fill() {
    const data = path.join(this.#context.directory, "filled");
    const hub = await startHub(this.#context, { data });
    await hub.stop();
    return data;
  }
}
