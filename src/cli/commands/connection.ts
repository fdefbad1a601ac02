import type { Command } from "commander";
import { hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["DEVICE", "deviceId"],
  ["MODULE", "moduleId"],
  ["PROTOCOL", "protocol"],
  ["AUTHENTICATION", "auth.type"],
  ["SINCE", "since"],
];

const endedColumns: readonly Column[] = [...columns, ["UNTIL", "until"], ["REASON", "reason"]];

/** `connection list`: who is connected now, or how the last connections ended. */
export function addConnection(program: Command, io: Io): void {
  const group = program
    .command("connection")
    .description("live connections of devices and modules");
  hubCommand(
    group
      .command("list")
      .description("list live connections, or with --ended the newest ends and their reasons")
      .option("--ended", "connections that have ended, newest first")
      .option("--top <count>", "at most so many, up to 1000"),
    io,
    async ({ hub, options }) => {
      if (options.toggle("ended") === true)
        return { value: await hub.list("/$hub/connections/ended"), columns: endedColumns };
      const top = options.integer("top", 1, 1000);
      const value = await hub.list(
        "/$hub/connections",
        top === undefined ? undefined : { top: String(top) },
      );
      return { value, columns };
    },
  );
}
