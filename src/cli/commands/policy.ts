import { type Command, Option } from "commander";
import { isObject } from "../../domain/json.ts";
import { UsageError } from "../cli-error.ts";
import { eventHubConnectionString } from "../event-hub.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { GivenOptions } from "../options.ts";
import type { Column } from "../output.ts";

/** Where a hub tells its policies to the one who owns it; not part of IoT Hub's own API. */
export const policiesPath = "/$hub/policies";

const columns: readonly Column[] = [
  ["POLICY", "name"],
  ["RIGHTS", "rights"],
];

/** `policy list | show | create | update | delete | renew-key`, as `az iot hub policy` has them. */
export function addPolicy(program: Command, io: Io): void {
  const group = program.command("policy").description("shared access policies of the hub");
  // Azure's command line has the one name in its core, the other in its extension.
  const command = (name: string, text: string): Command =>
    group
      .command(name)
      .description(text)
      .option("--pn, --policy-name <name>", "the policy")
      .option("-n, --name <name>", "the same");
  const withRights = (of: Command): Command =>
    of.addOption(
      new Option(
        "--permissions <rights...>",
        "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect",
      ).makeOptionMandatory(),
    );

  hubCommand(group.command("list").description("list the policies"), io, async ({ hub }) => ({
    value: await hub.list(policiesPath),
    columns,
  }));
  hubCommand(command("show", "show a policy with its keys"), io, show);
  hubCommand(withRights(command("create", "create a policy with two keys")), io, create);
  hubCommand(withRights(command("update", "change the rights of a policy")), io, update);
  hubCommand(command("delete", "delete a policy; its tokens end"), io, async (call) => {
    await call.hub.request("DELETE", pathOf(call.options));
    return undefined;
  });
  hubCommand(
    command("renew-key", "make a new key, or swap the two; tokens of the old one end").addOption(
      new Option("--rk, --renew-key <key>", "which key")
        .choices(["primary", "secondary", "swap"])
        .makeOptionMandatory(),
    ),
    io,
    renewKey,
  );
}

/** With what clients of Event Hubs need, if the policy may read events. */
async function show({ hub, options }: Call): Promise<Result> {
  const value = await hub.object("GET", pathOf(options));
  const { name, primaryKey, rights } = value;
  const mayRead = Array.isArray(rights) && rights.includes("ServiceConnect");
  if (!mayRead || typeof name !== "string" || typeof primaryKey !== "string") return { value };
  const text = eventHubConnectionString(hub.target, name, primaryKey);
  return { value: { ...value, eventHubConnectionString: text } };
}

async function create(call: Call): Promise<Result> {
  const { hub, options } = call;
  const name = nameOf(options);
  const policies = await hub.list(policiesPath);
  if (policies.some((policy) => isObject(policy) && policy["name"] === name))
    throw new UsageError(`Policy '${name}' exists; change it with 'twinhub policy update'`);
  return {
    value: await hub.object("PUT", pathOf(options), { body: { rights: rightsOf(options) } }),
  };
}

async function update({ hub, options }: Call): Promise<Result> {
  // A policy that does not exist is not to be made by the way.
  await hub.object("GET", pathOf(options));
  return {
    value: await hub.object("PUT", pathOf(options), { body: { rights: rightsOf(options) } }),
  };
}

async function renewKey({ hub, options }: Call): Promise<Result> {
  const kind = options.required("renewKey");
  if (kind !== "swap") {
    const body = { key: `${kind}Key` };
    return { value: await hub.object("POST", `${pathOf(options)}/regenerate`, { body }) };
  }
  const { rights, primaryKey, secondaryKey } = await hub.object("GET", pathOf(options));
  const body = {
    rights: rights ?? null,
    primaryKey: secondaryKey ?? null,
    secondaryKey: primaryKey ?? null,
  };
  return { value: await hub.object("PUT", pathOf(options), { body }) };
}

/** One after the other, or joined by commas; in any case of letters. */
function rightsOf(options: GivenOptions): string[] {
  const known = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"];
  return options
    .texts("permissions")
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .map((text) => known.find((right) => right.toLowerCase() === text.toLowerCase()) ?? text);
}

function nameOf(options: GivenOptions): string {
  const name = options.text("policyName") ?? options.text("name");
  if (name === undefined || name === "")
    throw new UsageError("Say which policy with --policy-name");
  return name;
}

function pathOf(options: GivenOptions): string {
  return `${policiesPath}/${encodeURIComponent(nameOf(options))}`;
}
