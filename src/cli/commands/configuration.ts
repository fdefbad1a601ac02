import { type Command, Option } from "commander";
import { type Json, type JsonObject, isObject } from "../../domain/json.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { identityPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { setOption } from "../identity-input.ts";
import type { Io } from "../io.ts";
import { assign, readAssignment, readObject } from "../json-input.ts";
import { type GivenOptions, deviceOption, etagOption } from "../options.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["CONFIGURATION", "id"],
  ["PRIORITY", "priority"],
  ["TARGETS", "targetCondition"],
  ["TARGETED", "systemMetrics.results.targetedCount"],
  ["APPLIED", "systemMetrics.results.appliedCount"],
];

/** Rows that `show-metric` prints at most. */
const maxRows = "1000";

/** Where `az` keeps deployments apart from configurations, and what it calls them. */
const groups = [
  {
    name: "configuration",
    text: "automatic configurations of devices and modules",
    option: "-c, --config-id <id>",
    id: "configId",
    holds: (content: JsonObject) => !holds(content, "modulesContent"),
  },
  {
    name: "edge-deployment",
    text: "deployments of edge devices",
    option: "-d, --deployment-id <id>",
    id: "deploymentId",
    holds: (content: JsonObject) => holds(content, "modulesContent"),
  },
] as const;

type Group = (typeof groups)[number];

/** `configuration create | show | list | update | delete | show-metric`, the same for deployments, and `edge-set-modules`. */
export function addConfiguration(program: Command, io: Io): void {
  for (const group of groups) addGroup(program, io, group);
  hubCommand(
    deviceOption(
      program
        .command("edge-set-modules")
        .description("set the modules of one edge device at once")
        .requiredOption("-k, --content <json>", "JSON object or @file, with modulesContent"),
    ),
    io,
    async ({ hub, options, io: { directory } }) => {
      const path = identityPath({ deviceId: options.required("deviceId") });
      const body = contentOf(options, directory);
      await hub.request("POST", `${path}/applyConfigurationContent`, { body });
      return { value: [...(await hub.list(`${path}/modules`))] };
    },
  );
}

function addGroup(program: Command, io: Io, group: Group): void {
  const parent = program.command(group.name).description(group.text);
  const command = (name: string, text: string): Command =>
    parent.command(name).description(text).requiredOption(group.option, "its id");
  const path = (options: GivenOptions): string =>
    `/configurations/${encodeURIComponent(options.required(group.id).toLowerCase())}`;
  hubCommand(
    changeOptions(
      command("create", "create one").requiredOption(
        "-k, --content <json>",
        "JSON object or @file",
      ),
    ),
    io,
    async (call) => {
      const content = contentOf(call.options, call.io.directory);
      if (!group.holds(content))
        throw new UsageError(`--content is not that of ${article(group.name)}`);
      const id = call.options.required(group.id).toLowerCase();
      const body = { id, schemaVersion: "2.0", content, ...changesOf(call) };
      return { value: await call.hub.object("PUT", path(call.options), { body }) };
    },
  );
  hubCommand(command("show", "show one"), io, async ({ hub, options }) => ({
    value: await hub.object("GET", path(options)),
  }));
  hubCommand(
    parent.command("list").description("list them").option("--top <count>", "at most so many"),
    io,
    async ({ hub, options }) => {
      const all = await hub.list("/configurations");
      const shown = all.filter((one) => isObject(one) && group.holds(memberOf(one, "content")));
      return { value: shown.slice(0, options.integer("top", 1, 100) ?? 100), columns };
    },
  );
  hubCommand(
    etagOption(
      changeOptions(command("update", "change one; content stays")).addOption(setOption()),
    ),
    io,
    async (call) => {
      const { hub, options } = call;
      const stored = await hub.object("GET", path(options));
      const set = options.texts("set").map(readAssignment);
      const body = set.reduce<JsonObject>(assign, { ...stored, ...changesOf(call) });
      const ifMatch = options.text("etag") ?? "*";
      return { value: await hub.object("PUT", path(options), { body, ifMatch }) };
    },
  );
  hubCommand(etagOption(command("delete", "delete one")), io, async ({ hub, options }) => {
    await hub.request("DELETE", path(options), { ifMatch: options.text("etag") ?? "*" });
    return undefined;
  });
  hubCommand(
    command("show-metric", "count a metric anew, and show what it counts")
      .requiredOption("-m, --metric-id <name>", "the metric")
      .addOption(
        new Option("--mt, --metric-type <type>", "whose metric it is")
          .choices(["user", "system"])
          .default("user"),
      ),
    io,
    (call) => showMetric(call, path(call.options)),
  );
}

function changeOptions(command: Command): Command {
  return command
    .option("--tc, --target-condition <condition>", "'' for nobody, '*' for all devices")
    .option("--pri, --priority <number>", "the larger wins")
    .option("--lab, --labels <json>", "JSON object or @file")
    .option("--metrics <json>", 'JSON object or @file: {"queries": {"name": "select …"}}');
}

/** As it stands, or inside of `content`, as files for `az` often have it. */
function contentOf(options: GivenOptions, directory: string): JsonObject {
  const given = readObject("--content", options.required("content"), directory);
  return isObject(given["content"]) ? given["content"] : given;
}

function changesOf({ options, io }: Call): JsonObject {
  const changes: Record<string, Json> = {};
  const condition = options.text("targetCondition");
  if (condition !== undefined) changes["targetCondition"] = condition;
  const priority = options.integer("priority", 0, 2_147_483_647);
  if (priority !== undefined) changes["priority"] = priority;
  const labels = options.text("labels");
  if (labels !== undefined) changes["labels"] = readObject("--labels", labels, io.directory);
  const metrics = options.text("metrics");
  if (metrics !== undefined) {
    const given = readObject("--metrics", metrics, io.directory);
    changes["metrics"] = isObject(given["metrics"]) ? given["metrics"] : given;
  }
  return changes;
}

async function showMetric({ hub, options }: Call, path: string): Promise<Result> {
  const metric = options.required("metricId");
  const isSystem = options.text("metricType") === "system";
  const stored = await hub.object("GET", path);
  const queries = memberOf(memberOf(stored, isSystem ? "systemMetrics" : "metrics"), "queries");
  const query = queries[metric];
  if (typeof query !== "string") {
    const known = Object.keys(queries).join(", ") || "none";
    throw new CliError(`There is no such metric; there is: ${known}`);
  }
  // An empty condition addresses nobody.
  const result =
    query === ""
      ? []
      : (
          await hub.request("POST", "/devices/query", {
            body: { query },
            headers: { "x-ms-max-item-count": maxRows },
          })
        ).body;
  return { value: { metric, query, result } };
}

function memberOf(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isObject(value) ? value : {};
}

function holds(content: JsonObject, name: string): boolean {
  return isObject(content[name]);
}

function article(name: string): string {
  return name.startsWith("e") ? `an ${name}` : `a ${name}`;
}
