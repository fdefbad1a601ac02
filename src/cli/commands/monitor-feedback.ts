import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { type Json, type JsonObject, isObject } from "../../domain/json.ts";
import { HubClient } from "../client.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { render } from "../output.ts";
import { findTarget } from "../target.ts";

const path = "/messages/serviceBound/feedback";

/** Between two questions for feedback, in milliseconds. */
const pause = 1_000;

/** `monitor-feedback`: how messages to devices ended, as it becomes known, until the command is ended. */
export function addMonitorFeedback(program: Command, io: Io): void {
  const command = program
    .command("monitor-feedback")
    .description(
      "show feedback on messages to devices, and take it from the hub's queue; Ctrl+C ends it",
    )
    .option("-d, --device-id <id>", "show only that of this device")
    .option("-w, --wait-on-msg <id>", "end with the feedback on this message");
  addHubOptions(command, ["text", "json"]).action(async () => {
    const options = new GivenOptions(command);
    await monitor(new HubClient(findTarget(options, io), io.now), options, io);
  });
}

async function monitor(hub: HubClient, options: GivenOptions, io: Io): Promise<void> {
  const stop = new AbortController();
  void io.untilStopped().then(() => stop.abort());
  const deviceId = options.text("deviceId");
  const awaited = options.text("waitOnMsg");
  const isJson = options.text("output") === "json";
  const show = (record: JsonObject): void => {
    if (deviceId !== undefined && record["deviceId"] !== deviceId) return;
    io.out(isJson ? `${JSON.stringify({ feedback: record })}\n` : textLine(record));
    if (awaited !== undefined && record["originalMessageId"] === awaited) stop.abort();
  };
  for (let first = true; !stop.signal.aborted; first = false) {
    const records = await takeBatch(hub);
    if (first) io.err("Waiting for feedback; Ctrl+C ends this.\n");
    for (const record of records) show(record);
    if (records.length === 0)
      await wait(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

/** The next batch of the hub's queue, which is gone then; empty if there is none. */
async function takeBatch(hub: HubClient): Promise<readonly JsonObject[]> {
  const { body, etag } = await hub.request("GET", path);
  if (etag === undefined) return [];
  const records: readonly Json[] = Array.isArray(body) ? (body as readonly Json[]) : [];
  await hub.request("DELETE", `${path}/${encodeURIComponent(etag)}`);
  return records.filter((record) => isObject(record));
}

function textLine(record: JsonObject): string {
  const text = (name: string): string => {
    const value = record[name];
    return typeof value === "string" && value !== "" ? value : "-";
  };
  const [time, device] = [text("enqueuedTimeUtc"), text("deviceId")];
  return render(`${time} ${device} ${text("originalMessageId")} ${text("statusCode")}`, "table");
}
