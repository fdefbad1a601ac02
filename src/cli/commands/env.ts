import { type Command, Option } from "commander";
import { formatConnectionString } from "../../wire/connection-string.ts";
import { UsageError } from "../cli-error.ts";
import { HubClient } from "../client.ts";
import { eventHubConnectionString } from "../event-hub.ts";
import { connectionStringOf } from "../identity-work.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { type Target, findTarget } from "../target.ts";

type Variables = readonly (readonly [name: string, value: string])[];

/** `env`: the variables that SDKs and their samples read, as lines for a shell. */
export function addEnv(program: Command, io: Io): void {
  const command = program
    .command("env")
    .description('print the variables that SDKs and samples read: eval "$(twinhub env -d d1)"')
    .option("-d, --device <id>", "with the connection string of this device")
    .addOption(new Option("--device-id <id>").hideHelp())
    .option("-m, --module <id>", "and of this module of it")
    .addOption(new Option("--module-id <id>").hideHelp())
    .addOption(
      new Option("--shell <shell>", "form of the lines")
        .choices(["bash", "powershell"])
        .default("bash"),
    );
  addHubOptions(command, ["shell", "json"]).action(async () => {
    const options = new GivenOptions(command);
    const variables = await collect(options, io);
    io.out(
      options.text("output") === "json"
        ? `${JSON.stringify(Object.fromEntries(variables), null, 2)}\n`
        : variables.map(shellLine(options.text("shell") ?? "bash")).join(""),
    );
  });
}

async function collect(options: GivenOptions, io: Io): Promise<Variables> {
  const target = findTarget(options, io);
  const deviceId = options.text("device") ?? options.text("deviceId");
  const moduleId = options.text("module") ?? options.text("moduleId");
  if (moduleId !== undefined && deviceId === undefined)
    throw new UsageError("--module needs --device too");
  const hub = new HubClient(target, io.now);
  return [
    ...(deviceId === undefined ? [] : await identityVariables(hub, deviceId, moduleId)),
    ["IOTHUB_CONNECTION_STRING", formatConnectionString(target.connection)],
    ...eventHubVariable(target),
    ...portVariable(target),
    ...trustVariables(target),
  ];
}

/** A module comes first with the pair that "module client from environment" reads in all SDKs. */
async function identityVariables(
  hub: HubClient,
  deviceId: string,
  moduleId: string | undefined,
): Promise<Variables> {
  const device = await connectionStringOf(hub, { deviceId }, "primary");
  const ofDevice: Variables =
    device === undefined ? [] : [["IOTHUB_DEVICE_CONNECTION_STRING", device]];
  if (moduleId === undefined) return ofDevice;
  const key = { deviceId, moduleId };
  const { hostName: gatewayHostName, caFile } = hub.target;
  // Python's SDK refuses this variable without GatewayHostName; the gateway is the hub itself.
  const throughGateway = await connectionStringOf(hub, key, "primary", { gatewayHostName });
  const direct = await connectionStringOf(hub, key, "primary");
  const ofModule: readonly (readonly [string, string | undefined])[] = [
    ["EdgeHubConnectionString", throughGateway],
    ["EdgeModuleCACertificateFile", throughGateway === undefined ? undefined : caFile],
    ["IOTHUB_MODULE_CONNECTION_STRING", direct],
  ];
  const there = ofModule.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return [...there, ...ofDevice];
}

/** Whoever reads events; with the same policy, if the hub was given by one. */
function eventHubVariable(target: Target): Variables {
  const { sharedAccessKeyName, sharedAccessKey } = target.connection;
  if (sharedAccessKeyName === undefined || sharedAccessKey === undefined) return [];
  const text = eventHubConnectionString(target, sharedAccessKeyName, sharedAccessKey);
  return [["EVENTHUB_CONNECTION_STRING", text]];
}

/** Our own commands need it where the hub is not on 443. */
function portVariable({ port }: Target): Variables {
  return port === 443 ? [] : [["TWINHUB_HTTPS_PORT", String(port)]];
}

function trustVariables({ caFile }: Target): Variables {
  if (caFile === undefined) return [];
  return [
    ["NODE_EXTRA_CA_CERTS", caFile],
    ["REQUESTS_CA_BUNDLE", caFile],
    ["SSL_CERT_FILE", caFile],
  ];
}

function shellLine(shell: string): (variable: readonly [string, string]) => string {
  return shell === "powershell"
    ? ([name, value]) => `$env:${name} = '${value.replaceAll("'", "''")}'\n`
    : ([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`;
}
