import { readFileSync } from "node:fs";
import path from "node:path";
import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { HubError } from "../domain/errors.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { addBackup } from "./commands/backup.ts";
import { addCertificate } from "./commands/certificate.ts";
import { addConfiguration } from "./commands/configuration.ts";
import { addChanges } from "./commands/changes.ts";
import { addConnection } from "./commands/connection.ts";
import { addConsumerGroup } from "./commands/consumer-group.ts";
import { addThrottling } from "./commands/throttling.ts";
import { addDeviceIdentity } from "./commands/device-identity.ts";
import { addEnv } from "./commands/env.ts";
import { addGenerateSasToken } from "./commands/generate-sas-token.ts";
import { addJob } from "./commands/job.ts";
import { addIndex } from "./commands/index.ts";
import { addMessageEndpoint } from "./commands/message-endpoint.ts";
import { addMessageEnrichment } from "./commands/message-enrichment.ts";
import { addMessageRoute } from "./commands/message-route.ts";
import { addMessages } from "./commands/message.ts";
import { addMethods } from "./commands/method.ts";
import { addModuleIdentity } from "./commands/module-identity.ts";
import { addMonitorEvents } from "./commands/monitor-events.ts";
import { addMonitorFeedback } from "./commands/monitor-feedback.ts";
import { addPortal } from "./commands/portal.ts";
import { addPolicy } from "./commands/policy.ts";
import { addQuery } from "./commands/query.ts";
import { addStart } from "./commands/start.ts";
import { addStatus } from "./commands/status.ts";
import { addTwins } from "./commands/twin.ts";
import { addUploadFile } from "./commands/upload-file.ts";
import type { Io } from "./io.ts";

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** Runs one command line (without `node` and the script) and resolves with the exit code. Never rejects. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    return report(error, io);
  }
}

function createProgram(io: Io): Command {
  const program = new Command("twinhub")
    .description(
      "A self-hosted hub for devices and modules with twins, compatible with Azure IoT Hub",
    )
    .version(version())
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showSuggestionAfterError()
    .exitOverride();
  // Subcommands take these settings over when they are made, so they come after them.
  addStart(program, io);
  addStatus(program, io);
  addPortal(program, io);
  addEnv(program, io);
  addDeviceIdentity(program, io);
  addModuleIdentity(program, io);
  addTwins(program, io);
  addQuery(program, io);
  addIndex(program, io);
  addChanges(program, io);
  addMethods(program, io);
  addJob(program, io);
  addConfiguration(program, io);
  addMessages(program, io);
  addUploadFile(program, io);
  addMonitorEvents(program, io);
  addMonitorFeedback(program, io);
  addConsumerGroup(program, io);
  addThrottling(program, io);
  addMessageRoute(program, io);
  addMessageEndpoint(program, io);
  addMessageEnrichment(program, io);
  addPolicy(program, io);
  addCertificate(program, io);
  addConnection(program, io);
  addGenerateSasToken(program, io);
  addBackup(program, io, version());
  return program;
}

function report(error: unknown, io: Io): number {
  // Commander has written its message already; help and version end with 0.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) {
    io.err(`error: ${error.message}\n`);
    return exitCodes.usage;
  }
  if (error instanceof CliError || error instanceof HubError) {
    io.err(`error: ${error.message}\n`);
    return exitCodes.failed;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.err(`error: This is a defect of twinhub: ${details}\n`);
  return exitCodes.failed;
}

function version(): string {
  const file = path.join(import.meta.dirname, "..", "..", "package.json");
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof content === "object" && content !== null && "version" in content
    ? String(content.version)
    : "unknown";
}
