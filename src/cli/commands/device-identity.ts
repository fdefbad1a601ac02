import type { Command } from "commander";
import { identityPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import {
  addAuthenticationOptions,
  addDeviceOptions,
  newAuthentication,
  setOption,
} from "../identity-input.ts";
import {
  deleteIdentity,
  keyOf,
  renewKey,
  showConnectionString,
  showIdentity,
  updateIdentity,
} from "../identity-work.ts";
import type { Io } from "../io.ts";
import { deviceOption, etagOption, keyTypeOption } from "../options.ts";
import type { Column } from "../output.ts";
import { queryRows, topOf } from "../query-work.ts";
import { renewKeyOption } from "../renew-key-option.ts";
import { addTransfers } from "./transfers.ts";

const columns: readonly Column[] = [
  ["DEVICE", "deviceId"],
  ["STATUS", "status"],
  ["CONNECTION", "connectionState"],
  ["AUTHENTICATION", "authenticationType"],
  ["EDGE", "capabilities.iotEdge"],
  ["LAST ACTIVITY", "lastActivityTime"],
];

/** `device-identity create | show | list | update | delete | renew-key | connection-string show | export | import`. */
export function addDeviceIdentity(program: Command, io: Io): void {
  const group = program.command("device-identity").description("devices of the hub");
  const command = (name: string, text: string): Command =>
    deviceOption(group.command(name).description(text));

  hubCommand(
    addDeviceOptions(addAuthenticationOptions(command("create", "create a device"))),
    io,
    create,
  );
  hubCommand(command("show", "show a device"), io, showIdentity);
  hubCommand(
    group
      .command("list")
      .description("list devices")
      .option("--top <count>", "at most so many; all if missing"),
    io,
    list,
  );
  hubCommand(
    etagOption(
      addDeviceOptions(addAuthenticationOptions(command("update", "change a device"))),
    ).addOption(setOption()),
    io,
    updateIdentity,
  );
  hubCommand(etagOption(command("delete", "delete a device and its modules")), io, deleteIdentity);
  hubCommand(
    etagOption(command("renew-key", "make new keys, or swap the two")).addOption(renewKeyOption()),
    io,
    renewKey,
  );
  hubCommand(
    deviceOption(
      group
        .command("connection-string")
        .description("the connection string of a device")
        .command("show")
        .description("show it"),
    ).addOption(keyTypeOption()),
    io,
    showConnectionString,
  );
  addTransfers(group, io);
}

async function create({ hub, options }: Call): Promise<Result> {
  const key = keyOf(options);
  const reason = options.text("statusReason");
  const body = {
    deviceId: key.deviceId,
    status: options.text("status") ?? "enabled",
    ...(reason === undefined ? {} : { statusReason: reason }),
    authentication: newAuthentication(options),
    capabilities: { iotEdge: options.toggle("edgeEnabled") ?? false },
  };
  return { value: await hub.object("PUT", identityPath(key), { body }) };
}

/** By query, as `az` does: it has no limit, and shows what a device's twin does. */
async function list({ hub, options }: Call): Promise<Result> {
  return { value: await queryRows(hub, "SELECT * FROM devices", topOf(options)), columns };
}
