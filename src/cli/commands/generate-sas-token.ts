import type { Command } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { createSasToken } from "../../wire/sas-token.ts";
import { CliError, UsageError } from "../cli-error.ts";
import { type HubClient, identityPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { keyOf, keysOf } from "../identity-work.ts";
import type { Io } from "../io.ts";
import { type GivenOptions, keyTypeOption } from "../options.ts";
import { policiesPath } from "./policy.ts";

/** Ten years, in seconds: longer ones are mistakes. */
const maxDuration = 315_360_000;

/** `generate-sas-token`: for the hub with a policy's key, or for a device or module with its own. */
export function addGenerateSasToken(program: Command, io: Io): void {
  hubCommand(
    program
      .command("generate-sas-token")
      .description("make a token for the hub, a device or a module")
      .option("-d, --device-id <id>", "for this device, with its own key")
      .option("-m, --module-id <id>", "for this module of the device, with its own key")
      .option("--pn, --policy-name <name>", "for the hub, with this policy's key")
      .option("--du, --duration <seconds>", "how long it is good for", "3600")
      .addOption(keyTypeOption()),
    io,
    generate,
  );
}

async function generate({ hub, options, io }: Call): Promise<Result> {
  const duration = options.integer("duration", 1, maxDuration) ?? 3600;
  const expiry = Math.floor(io.now() / 1000) + duration;
  const signer = await findSigner(hub, options);
  return { value: { sas: createSasToken({ ...signer, expiry }) } };
}

interface Signer {
  readonly resource: string;
  readonly key: string;
  readonly policy?: string;
}

async function findSigner(hub: HubClient, options: GivenOptions): Promise<Signer> {
  const kind = options.text("keyType") === "secondary" ? "secondary" : "primary";
  const policy = options.text("policyName");
  if (options.text("deviceId") !== undefined) {
    if (policy !== undefined)
      throw new UsageError("--policy-name and --device-id exclude each other");
    const key = keyOf(options);
    const keys = keysOf(await hub.object("GET", identityPath(key)));
    return { resource: `${hub.target.hostName}${identityPath(key)}`, key: keys[kind] };
  }
  if (options.text("moduleId") !== undefined)
    throw new UsageError("--module-id needs --device-id too");
  return policySigner(hub, policy, kind);
}

/** The login's own policy needs no call, unless it is the other key that is asked for. */
async function policySigner(
  hub: HubClient,
  asked: string | undefined,
  kind: "primary" | "secondary",
): Promise<Signer> {
  const { sharedAccessKeyName: own, sharedAccessKey } = hub.target.connection;
  const policy = asked ?? own;
  if (policy === undefined)
    throw new UsageError("Give --policy-name, or --device-id for a device's token");
  const resource = hub.target.hostName;
  if (policy === own && sharedAccessKey !== undefined && kind === "primary")
    return { resource, key: sharedAccessKey, policy };
  const found = await hub.object("GET", `${policiesPath}/${encodeURIComponent(policy)}`);
  return { resource, key: policyKey(found, kind), policy };
}

function policyKey(policy: JsonObject, kind: "primary" | "secondary"): string {
  const key = policy[`${kind}Key`];
  if (typeof key === "string") return key;
  throw new CliError("The hub's answer holds no key for that policy");
}
