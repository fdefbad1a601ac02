import type { Command } from "commander";
import { twinPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { keyOf } from "../identity-work.ts";
import type { Io } from "../io.ts";
import { readJson } from "../json-input.ts";
import { deviceOption, moduleOption } from "../options.ts";

/** How much longer than the hub the command waits, in milliseconds. */
const patience = 15_000;

/** `invoke-device-method` and `invoke-module-method`, as `az iot hub` has them. */
export function addMethods(program: Command, io: Io): void {
  const command = (name: string, text: string): Command =>
    deviceOption(program.command(name).description(text))
      .requiredOption("--mn, --method-name <name>", "the method")
      .option("--mp, --method-payload <json>", "JSON or @file; null if missing")
      .option("--to, --timeout <seconds>", "wait so long for the answer: 5 to 300", "30")
      .option("--connect-timeout <seconds>", "wait so long for the target to connect: 0 to 300");
  hubCommand(command("invoke-device-method", "call a direct method of a device"), io, invoke);
  hubCommand(
    moduleOption(command("invoke-module-method", "call a direct method of a module")),
    io,
    invoke,
  );
}

async function invoke({ hub, options, io }: Call): Promise<Result> {
  const payload = options.text("methodPayload");
  const responseTimeoutInSeconds = options.integer("timeout", 5, 300) ?? 30;
  const connectTimeoutInSeconds = options.integer("connectTimeout", 0, 300) ?? 0;
  const body = {
    methodName: options.required("methodName"),
    payload: payload === undefined ? null : readJson("--method-payload", payload, io.directory),
    responseTimeoutInSeconds,
    connectTimeoutInSeconds,
  };
  const timeout = (responseTimeoutInSeconds + connectTimeoutInSeconds) * 1000 + patience;
  return {
    value: await hub.object("POST", `${twinPath(keyOf(options))}/methods`, { body, timeout }),
  };
}
