import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { type Json, type JsonObject, isObject } from "../../domain/json.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { HubClient } from "../client.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { type Column, render } from "../output.ts";
import { findTarget } from "../target.ts";

/** Changes of a page, the most that a hub gives. */
const pageSize = 1000;
/** Between attempts to resume, in milliseconds; so often in a row at the most. */
const pause = 1_000;
const maxAttempts = 30;

const columns: readonly Column[] = [
  ["SEQUENCE", "sequence"],
  ["TIME", "time"],
  ["TYPE", "type"],
  ["DEVICE", "deviceId"],
  ["MODULE", "moduleId"],
];

/** `changes`: what twins and identities have become, in order; with `--follow` until the command is ended. */
export function addChanges(program: Command, io: Io): void {
  const command = program
    .command("changes")
    .description("show changes of twins and identities in the order in which they were made")
    .option("--after <sequence>", "only those after this sequence number, or latest")
    .option("--where <condition>", "only of twins that match, for example \"tags.site = 'a'\"")
    .option("--follow", "go on with new ones as they come, one JSON line each; Ctrl+C ends it");
  addHubOptions(command).action(async () => {
    const options = new GivenOptions(command);
    const hub = new HubClient(findTarget(options, io), io.now);
    if (options.toggle("follow") === true) return follow(hub, options, io);
    const format = options.text("output") === "table" ? "table" : "json";
    io.out(render(await readAll(hub, options), format, columns));
  });
}

async function readAll(hub: HubClient, options: GivenOptions): Promise<readonly Json[]> {
  const changes: Json[] = [];
  let query: Record<string, string> = { ...queryOf(options), limit: String(pageSize) };
  for (;;) {
    const page = await hub.object("GET", "/changes", { query });
    const { changes: found, last } = page;
    if (!Array.isArray(found) || typeof last !== "number") {
      throw new CliError("The hub's answer to GET /changes is not a page of changes");
    }
    for (const change of found as readonly JsonObject[]) changes.push(change);
    if (String(last) === query["after"]) return changes;
    query = { ...query, after: String(last) };
  }
}

async function follow(hub: HubClient, options: GivenOptions, io: Io): Promise<void> {
  const stop = new AbortController();
  void io.untilStopped().then(() => stop.abort());
  const query = queryOf(options);
  let lastId: string | undefined;
  for (let attempts = 0; !stop.signal.aborted; attempts++) {
    const headers = {
      accept: "text/event-stream",
      ...(lastId === undefined ? {} : { "last-event-id": lastId }),
    };
    const connected = (): void => {
      if (attempts === 0) io.err("Waiting for changes; Ctrl+C ends this.\n");
      attempts = 0;
    };
    let refusal: string | undefined;
    try {
      await hub.events("/changes", { query, headers, stop: stop.signal, connected }, (fields) => {
        lastId = fields.get("id") ?? lastId;
        const data = fields.get("data");
        if (stop.signal.aborted || data === undefined) return;
        const event = fields.get("event");
        if (event === undefined) io.out(`${data}\n`);
        if (event === "error") refusal = messageOf(JSON.parse(data) as Json);
      });
    } catch (error) {
      // What never worked will not work; a hub that restarts is waited for.
      if (lastId === undefined || attempts >= maxAttempts || !(error instanceof CliError))
        throw error;
    }
    if (refusal !== undefined) throw new CliError(refusal);
    await wait(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

function messageOf(error: Json): string {
  const message = isObject(error) ? error["message"] : undefined;
  return typeof message === "string" ? message : "The hub ended the stream with an error";
}

function queryOf(options: GivenOptions): Record<string, string> {
  const after = options.text("after");
  if (after !== undefined && !/^(?:\d{1,15}|latest)$/.test(after))
    throw new UsageError("--after must be a sequence number or latest");
  const where = options.text("where");
  return { ...(after === undefined ? {} : { after }), ...(where === undefined ? {} : { where }) };
}
