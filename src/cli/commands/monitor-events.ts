import { setTimeout as wait } from "node:timers/promises";
import { type Command, Option } from "commander";
import { type Json, type JsonObject, isObject } from "../../domain/json.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { HubClient } from "../client.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { render } from "../output.ts";
import { findTarget } from "../target.ts";

/** Between attempts to resume, in milliseconds; so often in a row at the most. */
const pause = 1_000;
const maxAttempts = 30;

/** `monitor-events`: messages from devices and modules as they come, until the command is ended. */
export function addMonitorEvents(program: Command, io: Io): void {
  const command = program
    .command("monitor-events")
    .description("show messages from devices and modules as they come; Ctrl+C ends it")
    .option("-d, --device-id <id>", "only of this device and its modules")
    .option("-m, --module-id <id>", "only of this module")
    .option("--en, --endpoint <name>", "of the event log of this endpoint", "events")
    .option("--source <name>", "only of this source, for example Telemetry")
    .option("--et, --enqueued-time <milliseconds>", "begin with messages of this time, since 1970")
    .option("--from <where>", "begin at earliest, latest, a time, or the id of an event", "latest")
    .option("--mc, --message-count <count>", "end after so many; 0 never ends", "0")
    .addOption(
      new Option("-p, --properties <kinds...>", "properties to show, too").choices([
        "sys",
        "app",
        "anno",
        "all",
      ]),
    );
  addHubOptions(command, ["text", "json"]).action(async () => {
    const options = new GivenOptions(command);
    const hub = new HubClient(findTarget(options, io), io.now);
    await monitor(hub, options, io);
  });
}

async function monitor(hub: HubClient, options: GivenOptions, io: Io): Promise<void> {
  const stop = new AbortController();
  void io.untilStopped().then(() => stop.abort());
  const query = queryOf(options);
  const count = options.integer("messageCount", 0, 1_000_000_000) ?? 0;
  const show = viewOf(options);
  let lastId: string | undefined;
  let shown = 0;
  for (let attempts = 0; !stop.signal.aborted; attempts++) {
    const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
    const connected = (): void => {
      if (attempts === 0) io.err("Waiting for messages; Ctrl+C ends this.\n");
      attempts = 0;
    };
    try {
      await hub.events(
        "/$hub/events",
        { query, headers, stop: stop.signal, connected },
        (fields) => {
          if (stop.signal.aborted) return;
          const data = fields.get("data");
          lastId = fields.get("id") ?? lastId;
          if (data === undefined || fields.get("event") === "end") return;
          io.out(show(JSON.parse(data) as Json));
          if (++shown === count) stop.abort();
        },
      );
    } catch (error) {
      // What never worked will not work; a hub that restarts is waited for.
      if (lastId === undefined || attempts >= maxAttempts || !(error instanceof CliError))
        throw error;
    }
    await wait(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

function queryOf(options: GivenOptions): Record<string, string> {
  const time = options.text("enqueuedTime");
  if (time !== undefined && !/^\d{1,15}$/.test(time))
    throw new UsageError("--enqueued-time must be milliseconds since 1970");
  const query: Record<string, string> = {
    from: time === undefined ? options.required("from") : new Date(Number(time)).toISOString(),
  };
  for (const name of ["deviceId", "moduleId", "source", "endpoint"]) {
    const value = options.text(name);
    if (value !== undefined) query[name] = value;
  }
  return query;
}

function viewOf(options: GivenOptions): (event: Json) => string {
  const kinds = new Set(options.texts("properties"));
  const shows = (kind: string): boolean => kinds.has(kind) || kinds.has("all");
  const isJson = options.text("output") === "json";
  return (data) => {
    const event = isObject(data) ? data : {};
    if (isJson) return `${JSON.stringify({ event: eventOf(event, shows) })}\n`;
    const { properties, annotations } = eventOf(event, shows);
    const more = {
      ...(isObject(properties) ? properties : {}),
      ...(isObject(annotations) ? annotations : {}),
    };
    return textLine(event, Object.keys(more).length === 0 ? "" : ` ${JSON.stringify(more)}`);
  };
}

/** In the form that `az iot hub monitor-events` prints. */
function eventOf(event: JsonObject, shows: (kind: string) => boolean): JsonObject {
  const system = isObject(event["systemProperties"]) ? event["systemProperties"] : {};
  const properties = {
    ...(shows("sys") ? { system } : {}),
    ...(shows("app") ? { application: event["applicationProperties"] ?? {} } : {}),
  };
  return {
    origin: event["deviceId"] ?? "",
    module: event["moduleId"] ?? "",
    interface: event["modelId"] ?? "",
    component: system["component"] ?? "",
    payload: event["body"] ?? "",
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(shows("anno")
      ? {
          annotations: {
            "iothub-connection-device-id": event["deviceId"] ?? "",
            ...(event["moduleId"] === undefined
              ? {}
              : { "iothub-connection-module-id": event["moduleId"] }),
            "iothub-connection-auth-method": event["authMethod"] ?? "",
            "iothub-connection-auth-generation-id": event["generationId"] ?? "",
            "iothub-enqueuedtime": event["enqueuedTime"] ?? "",
            "iothub-message-source": event["source"] ?? "",
            "x-opt-sequence-number": event["sequenceNumber"] ?? 0,
            "x-opt-partition": event["partition"] ?? 0,
          },
        }
      : {}),
  };
}

/** Time, sender and body on one line, without control characters. */
function textLine(event: JsonObject, more: string): string {
  const text = (name: string): string => {
    const value = event[name];
    return typeof value === "string" ? value : "";
  };
  const { body } = event;
  const sender = [text("deviceId"), text("moduleId")].filter(Boolean).join("/");
  const kind = text("source") === "Telemetry" ? "" : ` ${text("source")}`;
  const shown = typeof body === "string" ? body : JSON.stringify(body);
  return render(`${text("enqueuedTime")} ${sender}${kind} ${shown}${more}`, "table");
}
