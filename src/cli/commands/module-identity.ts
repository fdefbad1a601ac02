import type { Command } from "commander";
import { identityPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { addAuthenticationOptions, newAuthentication, setOption } from "../identity-input.ts";
import {
  deleteIdentity,
  keyOf,
  renewKey,
  showConnectionString,
  showIdentity,
  updateIdentity,
} from "../identity-work.ts";
import type { Io } from "../io.ts";
import { deviceOption, etagOption, keyTypeOption, moduleOption } from "../options.ts";
import type { Column } from "../output.ts";
import { queryRows, topOf } from "../query-work.ts";
import { renewKeyOption } from "../renew-key-option.ts";

const columns: readonly Column[] = [
  ["DEVICE", "deviceId"],
  ["MODULE", "moduleId"],
  ["MANAGED BY", "managedBy"],
  ["CONNECTION", "connectionState"],
  ["AUTHENTICATION", "authentication.type"],
  ["LAST ACTIVITY", "lastActivityTime"],
];

/** Of all devices they come by query, as twins. */
const twinColumns = columns
  .filter(([heading]) => heading !== "MANAGED BY")
  .map(([heading, path]): Column =>
    heading === "AUTHENTICATION" ? [heading, "authenticationType"] : [heading, path],
  );

/** `module-identity create | show | list | update | delete | renew-key | connection-string show`. */
export function addModuleIdentity(program: Command, io: Io): void {
  const group = program.command("module-identity").description("modules of a device");
  const command = (name: string, text: string): Command =>
    moduleOption(deviceOption(group.command(name).description(text)));
  const managedBy = (given: Command): Command =>
    given.option("--managed-by <name>", "who looks after the module");

  hubCommand(managedBy(addAuthenticationOptions(command("create", "create a module"))), io, create);
  hubCommand(command("show", "show a module"), io, showIdentity);
  hubCommand(
    group
      .command("list")
      .description("list the modules of a device, or of all devices")
      .option("-d, --device-id <id>", "the device")
      .option("--top <count>", "at most so many; all if missing"),
    io,
    list,
  );
  hubCommand(
    etagOption(managedBy(addAuthenticationOptions(command("update", "change a module")))).addOption(
      setOption(),
    ),
    io,
    updateIdentity,
  );
  hubCommand(etagOption(command("delete", "delete a module")), io, deleteIdentity);
  hubCommand(
    etagOption(command("renew-key", "make new keys, or swap the two")).addOption(renewKeyOption()),
    io,
    renewKey,
  );
  hubCommand(
    moduleOption(
      deviceOption(
        group
          .command("connection-string")
          .description("the connection string of a module")
          .command("show")
          .description("show it"),
      ),
    ).addOption(keyTypeOption()),
    io,
    showConnectionString,
  );
}

async function create({ hub, options }: Call): Promise<Result> {
  const key = keyOf(options);
  const managedBy = options.text("managedBy");
  const body = {
    deviceId: key.deviceId,
    moduleId: options.required("moduleId"),
    ...(managedBy === undefined ? {} : { managedBy }),
    authentication: newAuthentication(options),
  };
  return { value: await hub.object("PUT", identityPath(key), { body }) };
}

async function list({ hub, options }: Call): Promise<Result> {
  const deviceId = options.text("deviceId");
  const top = topOf(options);
  if (deviceId === undefined) {
    const value = await queryRows(hub, "SELECT * FROM devices.modules", top);
    return { value, columns: twinColumns };
  }
  const modules = await hub.list(`${identityPath({ deviceId })}/modules`);
  return { value: modules.slice(0, top), columns };
}
