import path from "node:path";
import { type Command, Option } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { logLimits, webhookLimits } from "../../domain/routing/endpoint.ts";
import { UsageError } from "../cli-error.ts";
import type { HubClient } from "../client.ts";
import { eventHubConnectionString } from "../event-hub.ts";
import { changeStored, givenMembers } from "../given-members.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { readArgumentFile } from "../json-input.ts";
import { type GivenOptions, etagOption } from "../options.ts";
import type { Column } from "../output.ts";
import { addDeadLetters, endpointOption, endpointPath, endpointsPath } from "./dead-letters.ts";

const columns: readonly Column[] = [
  ["ENDPOINT", "name"],
  ["TYPE", "type"],
  ["URL", "url"],
  ["HEALTH", "healthStatus"],
  ["WAITING", "waitingMessages"],
  ["DEAD LETTERS", "deadLetters"],
  ["LAST ERROR", "lastKnownError"],
];

/** `message-endpoint create | update | list | show | delete`, and `dead-letters`. */
export function addMessageEndpoint(program: Command, io: Io): void {
  const group = program
    .command("message-endpoint")
    .alias("endpoint")
    .description("where routes send messages: webhooks and event logs");
  const command = (name: string, text: string): Command =>
    endpointOption(group.command(name).description(text));

  hubCommand(
    settings(
      command("create", "create a webhook, or an event log of the hub's own")
        .option("--url <url>", "https: address of a webhook")
        .addOption(
          new Option("--type <type>", "kind of endpoint")
            .choices(["webhook", "log"])
            .default("webhook"),
        )
        .option("--pc, --partition-count <count>", `of a log, up to ${logLimits.partitionCount}`),
    ),
    io,
    create,
  );
  hubCommand(
    etagOption(
      settings(
        command("update", "change an endpoint")
          .option("--url <url>", "https: address")
          .option("--remove-secret", "sign no more"),
      ),
    ),
    io,
    update,
  );
  hubCommand(
    group.command("list").description("list the endpoints with their health"),
    io,
    async ({ hub }) => ({ value: await hub.list(endpointsPath), columns }),
  );
  hubCommand(command("show", "show an endpoint with its health"), io, async ({ hub, options }) => ({
    value: withConnectionString(hub, await hub.object("GET", endpointPath(options))),
  }));
  hubCommand(
    etagOption(
      command("delete", "delete an endpoint, with all that waits for it or is kept in it"),
    ),
    io,
    async ({ hub, options }) => {
      await hub.request("DELETE", endpointPath(options), { ifMatch: options.text("etag") });
      return undefined;
    },
  );

  addDeadLetters(group, io);
}

function settings(command: Command): Command {
  return command
    .option("--secret <text>", "signs the requests; @file reads it from a file")
    .option("--timeout <seconds>", `for one request, up to ${webhookLimits.timeoutSeconds}`)
    .option(
      "--max-delivery-count <count>",
      `tries before a message is a dead letter, up to ${webhookLimits.maxDeliveryCount}`,
    )
    .option("--batch-size <count>", `messages in a request, up to ${webhookLimits.maxBatchSize}`)
    .option("--retention-hours <hours>", `of a log, up to ${logLimits.retentionTimeInHours}`)
    .option("--max-partition-bytes <bytes>", "bodies that a partition of a log keeps at the most");
}

async function create(call: Call): Promise<Result> {
  const { hub, options } = call;
  const body = changesOf(call);
  const type = options.required("type");
  if (type === "webhook" && body["url"] === undefined)
    throw new UsageError("A webhook needs --url, an event log --type log");
  const made = await hub.object("PUT", endpointPath(options), { body: { ...body, type } });
  return { value: withConnectionString(hub, made) };
}

/** How clients of Event Hubs read a log, if the command has a policy's key. */
function withConnectionString({ target }: HubClient, endpoint: JsonObject): JsonObject {
  const { name, type } = endpoint;
  const { sharedAccessKeyName: policy, sharedAccessKey: key } = target.connection;
  if (type !== "log" || typeof name !== "string" || policy === undefined || key === undefined)
    return endpoint;
  return {
    ...endpoint,
    eventHubConnectionString: eventHubConnectionString(target, policy, key, name),
  };
}

async function update(call: Call): Promise<Result> {
  const { hub, options } = call;
  return { value: await changeStored(hub, endpointPath(options), changesOf(call), options) };
}

function changesOf({ options, io }: Call): JsonObject {
  const { timeoutSeconds, maxDeliveryCount, maxBatchSize } = webhookLimits;
  return givenMembers({
    url: options.text("url"),
    secret: options.toggle("removeSecret") === true ? null : secretOf(options, io),
    timeoutSeconds: options.integer("timeout", 1, timeoutSeconds),
    maxDeliveryCount: options.integer("maxDeliveryCount", 1, maxDeliveryCount),
    maxBatchSize: options.integer("batchSize", 1, maxBatchSize),
    partitionCount: options.integer("partitionCount", 1, logLimits.partitionCount),
    retentionTimeInHours: options.integer("retentionHours", 1, logLimits.retentionTimeInHours),
    maxPartitionBytes: options.integer("maxPartitionBytes", 1, logLimits.maxPartitionBytes),
  });
}

function secretOf(options: GivenOptions, io: Io): string | undefined {
  const given = options.text("secret");
  if (given === undefined || !given.startsWith("@")) return given;
  return readArgumentFile("--secret", path.resolve(io.directory, given.slice(1)))
    .toString("utf8")
    .trim();
}
