import { createServer } from "node:net";
import path from "node:path";
import { startProgram, within } from "./lines.ts";
import type { Program } from "./lines.ts";

/** What `twinhub start --output json` prints when the hub is ready. */
export interface HubInfo {
  readonly hostName: string;
  /** With the policy iothubowner. */
  readonly connectionString: string;
  /** By policy name. */
  readonly connectionStrings: Readonly<Record<string, string>>;
  /** Path of the certificate authority that clients must trust, PEM. */
  readonly caFile: string;
}

export interface HubProcess extends HubInfo {
  readonly program: Program;
  /** Ends the hub in good order; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** The ports that the SDKs do not let anyone choose. */
export const fixedPorts = [443, 8883, 5671] as const;

const firstStart = 120;
const orderlyStop = 15;

/**
 * Starts the hub that `npm run build` has made, at the address and with further arguments of `start`. Rejects if it has not
 * said within `seconds` that it is ready.
 */
export async function startHubProcess(
  main: string,
  address: string,
  args: readonly string[],
  seconds = firstStart,
): Promise<HubProcess> {
  const program = startProgram([
    main,
    "start",
    "--output",
    "json",
    "--listen",
    address,
    "--host-name",
    address,
    ...args,
  ]);
  const ready = program.line((line) => line.startsWith("{") && line.includes('"connectionString"'));
  const info = JSON.parse(await within(seconds, "the hub to start", ready)) as HubInfo;
  return {
    ...info,
    caFile: path.resolve(info.caFile),
    program,
    stop: async () => {
      program.kill("SIGTERM");
      return within(orderlyStop, "the hub to stop", program.ended);
    },
  };
}

/**
 * The first loopback address at which all fixed ports are free, 127.0.0.1 before the others. Throws with the ways
 * out if there is none.
 */
export async function freeAddress(candidates = loopbackAddresses()): Promise<string> {
  let forbidden = false;
  for (const address of candidates) {
    const failures = await Promise.all(fixedPorts.map((port) => bindFailure(address, port)));
    if (failures.every((failure) => failure === undefined)) return address;
    forbidden ||= failures.includes("EACCES");
  }
  const ports = fixedPorts.join(", ");
  throw new Error(
    forbidden
      ? `may not listen on port ${fixedPorts[0]}: see "Ports" in README.md, or set IOTHUB_CONNECTION_STRING to a hub that runs already`
      : `ports ${ports} are taken on every loopback address tried: end what listens there, or set IOTHUB_CONNECTION_STRING to a hub that runs already`,
  );
}

function loopbackAddresses(): readonly string[] {
  return Array.from({ length: 32 }, (_, index) => `127.0.0.${index + 1}`);
}

async function bindFailure(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    probe.listen(port, address, () => probe.close(() => resolve(undefined)));
  });
}
