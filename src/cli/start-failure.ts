import { ConfigError } from "../config/config-error.ts";
import type { HubConfig } from "../config/schema.ts";
import { TlsError } from "../tls/tls-error.ts";
import { CliError, systemCode } from "./cli-error.ts";

const firstUnprivilegedPort = 1024;

/** Why a hub could not start, in one line with the ways out; what nobody foresaw is handed back as it is. */
export function startFailure(error: unknown, config: HubConfig): unknown {
  if (error instanceof TlsError || error instanceof ConfigError) return new CliError(error.message);
  // The store is not to be imported from here; its failures say themselves what to do.
  if (error instanceof Error && error.name === "StoreOpenError") return new CliError(error.message);
  const reason = listenFailure(systemCode(error), portOf(error), config);
  return reason === undefined ? error : new CliError(reason);
}

function listenFailure(
  code: string | undefined,
  port: number | undefined,
  config: HubConfig,
): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} of ${config.listen} is in use; stop the other program, or give ${portFlag(port, config)} another port or --listen another address, for example 127.0.0.2${consequence(port)}`;
    case "EACCES":
      return port !== undefined && port < firstUnprivilegedPort
        ? `Port ${port} may not be bound without rights; allow it with 'sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}' or 'sudo setcap cap_net_bind_service=+ep ${process.execPath}', or give ${portFlag(port, config)} another port${consequence(port)}`
        : `Port ${port} of ${config.listen} may not be bound (EACCES)`;
    case "EADDRNOTAVAIL":
      return `This machine has no address ${config.listen}; give --listen one that it has, or 0.0.0.0 for all`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The name '${config.listen}' given to --listen is not known here`;
    default:
      return undefined;
  }
}

/** SDKs fix the ports: spec/mqtt §15.2, spec/rest §2.1. */
function consequence(port: number | undefined): string {
  switch (port) {
    case 443:
      return " (SDKs use 443 only; the command lines and the Python service SDK can use another port)";
    case 8883:
      return " (SDKs use 8883 only, except Node's with the port in HostName)";
    default:
      return "";
  }
}

function portFlag(port: number | undefined, config: HubConfig): string {
  switch (port) {
    case config.mqttsPort:
      return "--mqtts-port";
    case config.amqpsPort:
      return "--amqps-port";
    default:
      return "--https-port";
  }
}

function portOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("port" in error)) return undefined;
  return typeof error.port === "number" ? error.port : undefined;
}
