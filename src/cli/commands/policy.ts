import type { Command } from "commander";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { Column } from "../output.ts";

/** Where a hub tells its policies to the one who owns it; not part of IoT Hub's own API. */
export const policiesPath = "/$hub/policies";

const columns: readonly Column[] = [
  ["POLICY", "name"],
  ["RIGHTS", "rights"],
];

/** `policy list | show`. */
export function addPolicy(program: Command, io: Io): void {
  const group = program.command("policy").description("shared access policies of the hub");
  hubCommand(group.command("list").description("list the policies"), io, async ({ hub }) => ({
    value: await hub.list(policiesPath),
    columns,
  }));
  hubCommand(
    group
      .command("show")
      .description("show a policy with its keys")
      .requiredOption("--pn, --policy-name <name>", "the policy"),
    io,
    async ({ hub, options }) => {
      const name = encodeURIComponent(options.required("policyName"));
      return { value: await hub.object("GET", `${policiesPath}/${name}`) };
    },
  );
}
