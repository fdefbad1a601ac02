import type { Command } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { UsageError } from "../cli-error.ts";
import { twinPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { setOption } from "../identity-input.ts";
import { keyOf } from "../identity-work.ts";
import type { Io } from "../io.ts";
import { type Assignment, assign, readAssignment, readObject } from "../json-input.ts";
import { deviceOption, etagOption, moduleOption } from "../options.ts";
import type { Column } from "../output.ts";
import { literal, queryRows, topOf } from "../query-work.ts";

const columns: readonly Column[] = [
  ["DEVICE", "deviceId"],
  ["MODULE", "moduleId"],
  ["VERSION", "version"],
  ["CONNECTION", "connectionState"],
  ["DESIRED", "properties.desired.$version"],
  ["REPORTED", "properties.reported.$version"],
];

const deviceColumns = columns.filter(([heading]) => heading !== "MODULE");

/** `device-twin show | list | update | replace`, and the same for modules. */
export function addTwins(program: Command, io: Io): void {
  const devices = program.command("device-twin").description("twins of devices");
  const modules = program.command("module-twin").description("twins of modules");
  addGroup(devices, io, deviceOption);
  addGroup(modules, io, (command) => moduleOption(deviceOption(command)));
  const list = (group: Command): Command =>
    group
      .command("list")
      .description("list the twins")
      .option("--top <count>", "at most so many; all if missing");
  hubCommand(list(devices), io, async ({ hub, options }) => ({
    value: await queryRows(hub, "SELECT * FROM devices", topOf(options)),
    columns: deviceColumns,
  }));
  hubCommand(
    list(modules).option("-d, --device-id <id>", "only of this device"),
    io,
    async ({ hub, options }) => {
      const deviceId = options.text("deviceId");
      const where = deviceId === undefined ? "" : ` WHERE deviceId = ${literal(deviceId)}`;
      const query = `SELECT * FROM devices.modules${where}`;
      return { value: await queryRows(hub, query, topOf(options)), columns };
    },
  );
}

function addGroup(group: Command, io: Io, address: (command: Command) => Command): void {
  hubCommand(address(group.command("show").description("show the twin")), io, show);
  hubCommand(
    etagOption(
      address(
        group
          .command("update")
          .description("merge into tags and desired properties; null removes a member")
          .option("--tags <json>", "JSON object or @file")
          .option("--desired <json>", "JSON object or @file")
          .addOption(setOption()),
      ),
    ),
    io,
    update,
  );
  hubCommand(
    etagOption(
      address(
        group
          .command("replace")
          .description("replace tags and desired properties")
          .requiredOption("-j, --json <json>", "twin as JSON object or @file"),
      ),
    ),
    io,
    replace,
  );
}

async function show({ hub, options }: Call): Promise<Result> {
  return { value: await hub.object("GET", twinPath(keyOf(options))) };
}

async function update({ hub, options, io }: Call): Promise<Result> {
  const parts: Assignment[] = [];
  const tags = options.text("tags");
  if (tags !== undefined)
    parts.push({ path: ["tags"], value: readObject("--tags", tags, io.directory) });
  const desired = options.text("desired");
  if (desired !== undefined)
    parts.push({
      path: ["properties", "desired"],
      value: readObject("--desired", desired, io.directory),
    });
  parts.push(...options.texts("set").map(readTwinAssignment));
  if (parts.length === 0)
    throw new UsageError("Nothing to change: give --tags, --desired or --set path=value");
  const body = parts.reduce<JsonObject>(assign, {});
  const ifMatch = options.text("etag") ?? "*";
  return { value: await hub.object("PATCH", twinPath(keyOf(options)), { body, ifMatch }) };
}

/** Only what the service may write: anything else would be ignored by the hub without a word. */
function readTwinAssignment(argument: string): Assignment {
  const assignment = readAssignment(argument);
  const [first, second] = assignment.path;
  if (first === "tags" || (first === "properties" && second === "desired")) return assignment;
  throw new UsageError(
    `--set of a twin reaches tags and properties.desired, but was given '${assignment.path.join(".")}'`,
  );
}

async function replace({ hub, options, io }: Call): Promise<Result> {
  const body = readObject("--json", options.required("json"), io.directory);
  const ifMatch = options.text("etag") ?? "*";
  return { value: await hub.object("PUT", twinPath(keyOf(options)), { body, ifMatch }) };
}
