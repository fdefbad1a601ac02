import { readFileSync } from "node:fs";
import path from "node:path";
import { rootCertificates } from "node:tls";
import { HubError } from "../domain/errors.ts";
import { type ConnectionString, parseConnectionString } from "../wire/connection-string.ts";
import { CliError, UsageError, systemCode } from "./cli-error.ts";
import { type HubFile, readHubFile } from "./hub-file.ts";
import type { Io } from "./io.ts";
import type { GivenOptions } from "./options.ts";

/** The hub that a command talks to. */
export interface Target {
  readonly connection: ConnectionString;
  /** Without a port: it is what tokens are for. */
  readonly hostName: string;
  readonly port: number;
  /** Of AMQP over TLS: where events are read. */
  readonly amqpsPort: number;
  /** PEM of the CAs to trust. */
  readonly ca: readonly string[];
  /** The file of the hub's own CA, if it is known. */
  readonly caFile: string | undefined;
}

const defaultPort = 443;
const defaultAmqpsPort = 5671;

/**
 * Finds the hub: `--login`, else `IOTHUB_CONNECTION_STRING`, else `hub.json` in the data directory. That file also
 * gives port and CA where it speaks of the same host name and nothing else does.
 */
export function findTarget(options: GivenOptions, io: Io): Target {
  const directory = dataDirectory(options, io);
  const file = readHubFile(directory);
  const login = options.text("login") ?? nonEmpty(io.environment["IOTHUB_CONNECTION_STRING"]);
  const text = login ?? file?.connectionString;
  if (text === undefined)
    throw new CliError(
      `No hub is known: there is no hub.json in ${directory}; start one with 'twinhub start', or give --login or IOTHUB_CONNECTION_STRING`,
    );
  const connection = readConnectionString(text);
  const [hostName, portInName] = splitPort(connection.hostName);
  const same = file?.hostName === hostName ? file : undefined;
  const port =
    options.integer("httpsPort", 1, 65_535) ??
    portInName ??
    portFromEnvironment(io, "TWINHUB_HTTPS_PORT") ??
    same?.httpsPort ??
    defaultPort;
  const amqpsPort =
    portFromEnvironment(io, "TWINHUB_AMQPS_PORT") ?? same?.amqpsPort ?? defaultAmqpsPort;
  return { connection, hostName, port, amqpsPort, ...trust(options, io, same) };
}

/** `--data`, else `TWINHUB_DATA`, else `./data`. */
export function dataDirectory(options: GivenOptions, io: Io): string {
  const given = options.text("data") ?? nonEmpty(io.environment["TWINHUB_DATA"]) ?? "./data";
  return path.resolve(io.directory, given);
}

function readConnectionString(text: string): ConnectionString {
  try {
    return parseConnectionString(text);
  } catch (error) {
    if (error instanceof HubError) throw new UsageError(error.message);
    throw error;
  }
}

function splitPort(hostName: string): [string, number | undefined] {
  const parts = /^(?<name>[^:]+|\[.*\]):(?<port>\d{1,5})$/.exec(hostName)?.groups;
  return parts === undefined ? [hostName, undefined] : [parts["name"] ?? "", Number(parts["port"])];
}

function portFromEnvironment(io: Io, name: string): number | undefined {
  const text = nonEmpty(io.environment[name]);
  const port = Number(text);
  // 0 asks a hub for any free port; it is no port to dial.
  return text !== undefined && Number.isInteger(port) && port > 0 ? port : undefined;
}

function trust(
  options: GivenOptions,
  io: Io,
  file: HubFile | undefined,
): Pick<Target, "ca" | "caFile"> {
  const only = options.text("ca") ?? nonEmpty(io.environment["TWINHUB_CA_FILE"]);
  if (only !== undefined) {
    const caFile = path.resolve(io.directory, only);
    return { ca: [readPem(caFile)], caFile };
  }
  const extra = nonEmpty(io.environment["NODE_EXTRA_CA_CERTS"]);
  const files = [extra, file?.caFile ?? undefined]
    .filter((each) => each !== undefined)
    .map((each) => path.resolve(io.directory, each));
  return { ca: [...rootCertificates, ...files.map(readPem)], caFile: files.at(-1) };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(
      `The CA file ${file} cannot be read (${systemCode(error) ?? "unknown error"}); give another one with --ca`,
    );
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
