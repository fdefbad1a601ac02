import { type Command, Option } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { routeSources } from "../../domain/routing/route.ts";
import { UsageError } from "../cli-error.ts";
import { changeStored, givenMembers } from "../given-members.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { readObject } from "../json-input.ts";
import { type GivenOptions, etagOption } from "../options.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["ROUTE", "name"],
  ["SOURCE", "source"],
  ["CONDITION", "condition"],
  ["ENDPOINTS", "endpointNames"],
  ["ENABLED", "isEnabled"],
];

const all = "/$hub/routes";
const fallback = "/$hub/fallbackRoute";

/** `message-route create | update | list | show | delete | test | fallback show | fallback set`, as `az iot hub` has them. */
export function addMessageRoute(program: Command, io: Io): void {
  const group = program
    .command("message-route")
    .alias("route")
    .description("where messages of devices and modules and events of the hub go");
  const command = (name: string, text: string): Command =>
    group.command(name).description(text).requiredOption("--rn, --route-name <name>", "the route");

  hubCommand(
    routeOptions(command("create", "create a route")).addOption(
      endpointOption().makeOptionMandatory(),
    ),
    io,
    async ({ hub, options }) => ({
      value: await hub.object("PUT", pathOf(options), { body: changesOf(options) }),
    }),
  );
  hubCommand(
    etagOption(routeOptions(command("update", "change a route")).addOption(endpointOption())),
    io,
    update,
  );
  hubCommand(
    sourceOptions(group.command("list").description("list the routes")),
    io,
    async ({ hub, options }) => {
      const source = sourceOf(options);
      const routes = (await hub.list(all)) as readonly JsonObject[];
      const value = routes.filter((route) => source === undefined || route["source"] === source);
      return { value, columns };
    },
  );
  hubCommand(command("show", "show a route"), io, async ({ hub, options }) => ({
    value: await hub.object("GET", pathOf(options)),
  }));
  hubCommand(etagOption(command("delete", "delete a route")), io, async ({ hub, options }) => {
    await hub.request("DELETE", pathOf(options), { ifMatch: options.text("etag") });
    return undefined;
  });
  addTest(group, io);
  addFallback(group, io);
}

function addTest(group: Command, io: Io): void {
  const test = group
    .command("test")
    .description("tell which routes match a message, or whether one does")
    .option("--rn, --route-name <name>", "only this route")
    .option("-c, --condition <text>", "only this condition, which need not be a route's")
    .option("-b, --body <text>", "body of the message")
    .option("--ap, --app-properties <json>", "application properties as JSON object or @file")
    .option(
      "--sp, --system-properties <json>",
      "system properties, for example contentType, as JSON object or @file",
    )
    .option("--twin <json>", "the sender's twin as JSON object or @file");
  hubCommand(sourceOptions(test), io, tryRoutes);
}

function addFallback(group: Command, io: Io): void {
  const command = group
    .command("fallback")
    .description("the route of messages from devices and modules that no other route matched");
  hubCommand(command.command("show").description("show it"), io, async ({ hub }) => ({
    value: await hub.object("GET", fallback),
  }));
  const set = command.command("set").description("turn it on or off");
  hubCommand(
    set.addOption(enabledOption().makeOptionMandatory()),
    io,
    async ({ hub, options }) => ({
      value: await hub.object("PUT", fallback, {
        body: { isEnabled: options.toggle("enabled") ?? true },
      }),
    }),
  );
}

async function update(call: Call): Promise<Result> {
  const { hub, options } = call;
  return { value: await changeStored(hub, pathOf(options), changesOf(options), options) };
}

async function tryRoutes({ hub, options, io }: Call): Promise<Result> {
  const objectOf = (name: string, flag: string): JsonObject | undefined => {
    const text = options.text(name);
    return text === undefined ? undefined : readObject(flag, text, io.directory);
  };
  const message = givenMembers({
    body: options.text("body"),
    appProperties: objectOf("appProperties", "--app-properties"),
    systemProperties: objectOf("systemProperties", "--system-properties"),
  });
  const twin = objectOf("twin", "--twin");
  const input = { message, ...(twin === undefined ? {} : { twin }) };
  const source = sourceOf(options);
  const condition = options.text("condition");
  const isOne = options.text("routeName") !== undefined;
  if (!isOne && condition === undefined) {
    const body = { ...input, ...(source === undefined ? {} : { routingSource: source }) };
    return { value: await hub.object("POST", `${all}/test/all`, { body }) };
  }
  const stored = isOne ? await hub.object("GET", pathOf(options)) : {};
  const route = { ...stored, ...givenMembers({ source, condition }) };
  return { value: await hub.object("POST", `${all}/test`, { body: { ...input, route } }) };
}

function routeOptions(command: Command): Command {
  return sourceOptions(command)
    .option("-c, --condition <text>", "which messages; all if missing or empty")
    .addOption(enabledOption());
}

/** Azure's command line has the one name in its core, the other in its extension. */
function sourceOptions(command: Command): Command {
  return command
    .option("-s, --source <source>", routeSources.join(", "))
    .option("-t, --source-type <source>", "the same");
}

function enabledOption(): Option {
  return new Option("--enabled [boolean]", "whether it is in force")
    .choices(["true", "false"])
    .preset("true");
}

function endpointOption(): Option {
  return new Option("--en, --endpoint-name <names...>", "endpoints; events is the built-in one");
}

function sourceOf(options: GivenOptions): string | undefined {
  const given = options.text("source") ?? options.text("sourceType");
  if (given === undefined) return undefined;
  const source = routeSources.find((known) => known.toLowerCase() === given.toLowerCase());
  if (source !== undefined) return source;
  throw new UsageError(`--source must be one of ${routeSources.join(", ")}`);
}

function changesOf(options: GivenOptions): JsonObject {
  const endpointNames = options.texts("endpointName");
  return givenMembers({
    source: sourceOf(options),
    condition: options.text("condition"),
    endpointNames: endpointNames.length === 0 ? undefined : endpointNames,
    isEnabled: options.toggle("enabled"),
  });
}

function pathOf(options: GivenOptions): string {
  return `${all}/${encodeURIComponent(options.required("routeName"))}`;
}
