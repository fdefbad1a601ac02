import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { type Json, type JsonObject, isObject } from "../../domain/json.ts";
import { CliError } from "../cli-error.ts";
import { HubClient } from "../client.ts";
import { type Scrape, hubStatus } from "../hub-status.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { render } from "../output.ts";
import { parsePrometheusText } from "../prometheus-text.ts";
import { findTarget } from "../target.ts";

/** Between two looks, in milliseconds. */
const interval = 1_000;

/** Puts the cursor into the upper left corner and removes what stands there. */
const clearScreen = "\u001B[H\u001B[J";

/** `status`: what a running hub does, each second anew, until the command is ended. */
export function addStatus(program: Command, io: Io): void {
  const command = program
    .command("status")
    .description("show what a running hub does, each second anew; Ctrl+C ends it")
    .option("--once", "show it once and end");
  addHubOptions(command, ["table", "json"]).action(async () => {
    const options = new GivenOptions(command);
    const hub = new HubClient(findTarget(options, io), io.now);
    await watch(hub, options, io);
  });
}

async function watch(hub: HubClient, options: GivenOptions, io: Io): Promise<void> {
  const stop = new AbortController();
  void io.untilStopped().then(() => stop.abort());
  const once = options.toggle("once") === true;
  const isJson = options.text("output") === "json";
  let before: Scrape | undefined;
  while (!stop.signal.aborted) {
    const now = await scrape(hub, io);
    // Rates need two looks; the first one of a live table is shown without them.
    if (!once || before !== undefined) {
      const status = hubStatus(now, before);
      if (isJson) io.out(once ? render(status, "json") : `${JSON.stringify(status)}\n`);
      else io.out(`${once ? "" : clearScreen}${table(status)}`);
      if (once) return;
    }
    before = now;
    await wait(interval, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

async function scrape(hub: HubClient, io: Io): Promise<Scrape> {
  const { bytes } = await hub.raw("GET", "/metrics");
  const series = parsePrometheusText(bytes.toString("utf8"));
  if (!series.some(({ name }) => name === "twinhub_info"))
    throw new CliError("The answer has no metrics of twinhub; is it a twinhub?");
  return { at: io.now(), series };
}

/** Lines of a name and what belongs to it. */
function table(status: JsonObject): string {
  const { connections, rates, queues, eventLog, process, disk } = status;
  const hub = `${text(status["version"])}, store ${text(status["store"])}`;
  const rows: readonly (readonly [string, string])[] = [
    ["Hub", `${hub}, ${status["ready"] === true ? "ready" : "NOT READY"}`],
    ["Uptime", duration(status["uptimeSeconds"])],
    ["Devices, modules", `${text(status["devices"])}, ${text(status["modules"])}`],
    ["Connected", counts(connections, (of) => `${text(of["devices"])}+${text(of["modules"])}`)],
    ["Per second", isObject(rates) ? pairs(rates) : "–"],
    ["Waiting", isObject(queues) ? pairs(queues) : "–"],
    ["Event log", isObject(eventLog) ? logText(eventLog) : "–"],
    ["Process", isObject(process) ? processText(process) : "–"],
    ["Disk", isObject(disk) ? diskText(disk) : "nothing: all is in memory"],
  ];
  return rows.map(([name, value]) => `${name.padEnd(18)} ${value}\n`).join("");
}

function text(value: Json | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "–";
}

/** `deviceCount 3, moduleCount 4`, in words. */
function pairs(of: JsonObject): string {
  return Object.entries(of)
    .map(([name, value]) => `${words(name)} ${text(value)}`)
    .join(", ");
}

function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function counts(of: Json | undefined, show: (value: JsonObject) => string): string {
  if (!isObject(of)) return "–";
  const shown = Object.entries(of).map(
    ([name, value]) => `${name} ${isObject(value) ? show(value) : "–"}`,
  );
  return `${shown.join(", ")} (devices+modules)`;
}

function logText({ messages, bytes }: JsonObject): string {
  return `${text(messages)} messages, ${size(bytes)}`;
}

function processText(process: JsonObject): string {
  const delay = process["eventLoopDelayP99Seconds"];
  const shown = typeof delay === "number" ? `${(delay * 1000).toFixed(1)} ms` : "–";
  return `memory ${size(process["residentBytes"])}, event loop delay p99 ${shown}`;
}

function diskText({ usedBytes, freeBytes }: JsonObject): string {
  return `${size(usedBytes)} used, ${size(freeBytes)} free`;
}

function size(bytes: Json | undefined): string {
  if (typeof bytes !== "number") return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step] ?? ""}`;
}

function duration(seconds: Json | undefined): string {
  if (typeof seconds !== "number") return "–";
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
