import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Command, Option } from "commander";
import { loadConfig } from "../../config/load.ts";
import { flagName } from "../../config/names.ts";
import {
  type HubConfig,
  type SettingName,
  settingHelp,
  settingNames,
} from "../../config/schema.ts";
import type { RunningHub } from "../../server.ts";
import { writeHubFile } from "../hub-file.ts";
import type { Io } from "../io.ts";
import { repeatable } from "../options.ts";
import { startFailure } from "../start-failure.ts";

/** `start`: runs a hub until SIGTERM or SIGINT. */
export function addStart(program: Command, io: Io): void {
  const command = program.command("start").description("start a hub");
  for (const name of settingNames) command.addOption(startOption(name));
  command.option("--config <file>", "YAML with the same names: httpsPort or https-port");
  command.action(async () => {
    const { hub: config, output } = loadConfig({
      flags: command.opts<Record<string, unknown>>(),
      environment: io.environment,
      directory: io.directory,
    });
    await runHub(config, output, io);
  });
}

/** Made from the table of settings, so that flag, variable and key cannot drift apart. */
function startOption(name: SettingName): Option {
  const { value, repeatable: many, text } = settingHelp[name];
  const flag = name === "output" ? "-o, --output" : flagName(name);
  if (value === undefined) return new Option(`${flag} [boolean]`, text).preset("true");
  return many === true
    ? repeatable(`${flag} <${value}>`, text)
    : new Option(`${flag} <${value}>`, text);
}

async function runHub(config: HubConfig, output: "json" | "text", io: Io): Promise<void> {
  const stopped = io.untilStopped();
  const hub = await open(config);
  let meeting: MeetingPoint | undefined;
  try {
    meeting = announce(hub);
    io.out(output === "json" ? jsonLine(hub, meeting) : description(hub, meeting, io.directory));
    await stopped;
  } finally {
    await hub.stop();
    meeting?.end();
  }
}

async function open(config: HubConfig): Promise<RunningHub> {
  // Loaded here, so that the other commands do not wait for it.
  const { startServer } = await import("../../server.ts");
  try {
    return await startServer(config);
  } catch (error) {
    throw startFailure(error, config);
  }
}

/** Where other commands find this hub. */
interface MeetingPoint {
  readonly directory: string;
  readonly caFile: string | null;
  end(): void;
}

/** A hub in memory meets its commands in a private directory that is gone when it stops. */
function announce(hub: RunningHub): MeetingPoint {
  const temporary =
    hub.dataDir === null ? mkdtempSync(path.join(os.tmpdir(), "twinhub-")) : undefined;
  const directory = temporary ?? hub.dataDir ?? "";
  const caFile = hub.caFile ?? writeCa(directory, hub.caPem);
  writeHubFile(directory, {
    connectionString: serviceConnectionString(hub),
    hostName: hub.hostName,
    httpsPort: hub.ports.https,
    amqpsPort: hub.ports.amqps,
    caFile,
  });
  return {
    directory,
    caFile,
    end: () => {
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
  };
}

function writeCa(directory: string, pem: string): string | null {
  if (pem === "") return null;
  const file = path.join(directory, "ca.pem");
  writeFileSync(file, pem, { mode: 0o644 });
  return file;
}

function serviceConnectionString({ connectionStrings }: RunningHub): string {
  return connectionStrings["iothubowner"] ?? Object.values(connectionStrings)[0] ?? "";
}

function metricsUrl(address: string): string {
  return `http://${address}/metrics`;
}

function jsonLine(hub: RunningHub, { caFile }: MeetingPoint): string {
  const { hostName, connectionStrings, eventHubConnectionString, ports, portalUrl, dataDir } = hub;
  const connectionString = serviceConnectionString(hub);
  return `${JSON.stringify({
    hostName,
    connectionString,
    connectionStrings,
    caFile,
    eventHubConnectionString,
    ports,
    portalUrl,
    ...(hub.metricsAddress === null ? {} : { metricsUrl: metricsUrl(hub.metricsAddress) }),
    dataDir,
  })}\n`;
}

function description(
  hub: RunningHub,
  { directory, caFile }: MeetingPoint,
  current: string,
): string {
  const { https, mqtts, amqps } = hub.ports;
  const ports = [`HTTPS ${https}`, `MQTT ${mqtts}`, ...(amqps === null ? [] : [`AMQP ${amqps}`])];
  const isDefault = directory === path.resolve(current, "data");
  const where = isDefault ? "" : ` --data ${directory}`;
  const rows: readonly (readonly [string, string | null])[] = [
    ["Host name", hub.hostName],
    ["Ports", ports.join(", ")],
    ["Data", hub.dataDir ?? "in memory: gone when the hub stops"],
    ["CA certificate", caFile],
    ["Metrics", hub.metricsAddress === null ? null : metricsUrl(hub.metricsAddress)],
    ["Portal", hub.portalUrl],
    ["", hub.portalUrl && `(signs in once; for another link: twinhub portal${where})`],
    ["Connection string", serviceConnectionString(hub)],
    ["Event Hubs", hub.eventHubConnectionString],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(18)} ${value}\n`],
  );
  return [
    "The hub is ready.\n\n",
    ...lines,
    `\nNext:  twinhub device-identity create --device-id d1${where}\n`,
  ].join("");
}
