import { stat } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { type FileToSend, readTicket, sendFile } from "../blob-upload.ts";
import { CliError, UsageError, systemCode } from "../cli-error.ts";
import { identityPath } from "../client.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { deviceOption } from "../options.ts";

/** `upload-file`, as `az iot device` has it: begins an upload as the device, sends the file, and reports. */
export function addUploadFile(program: Command, io: Io): void {
  hubCommand(
    deviceOption(program.command("upload-file").description("as a device: upload a file"))
      .requiredOption("--fp, --file-path <file>", "the file to send")
      .option("--ct, --content-type <type>", "its MIME type", "application/octet-stream")
      .option("--blob-name <name>", "its name at the hub, if not its own"),
    io,
    upload,
  );
}

async function upload({ hub, options, io }: Call): Promise<Result> {
  const file = await findFile(path.resolve(io.directory, options.required("filePath")));
  const contentType = options.required("contentType");
  if (!/^[\x20-\x7e]+$/.test(contentType))
    throw new UsageError("--content-type must be ASCII text");
  const blobName = options.text("blobName") ?? path.basename(file.path);
  const files = `${identityPath({ deviceId: options.required("deviceId") })}/files`;
  const ticket = readTicket(await hub.object("POST", files, { body: { blobName } }));
  const report = (isSuccess: boolean, statusCode: number, statusDescription: string) =>
    hub.raw("POST", `${files}/notifications`, {
      body: {
        correlationId: ticket.correlationId,
        isSuccess,
        statusCode,
        statusDescription,
      },
    });
  try {
    await sendFile(ticket, { ...file, contentType }, hub.target.ca);
  } catch (error) {
    // The upload failed in any case; what it failed of is what the person has to know.
    await report(false, 500, "The file could not be sent").catch(() => {});
    throw error;
  }
  await report(true, 201, "Created");
  return { value: { blobName: ticket.blobName, sizeInBytes: file.size } };
}

async function findFile(file: string): Promise<Omit<FileToSend, "contentType">> {
  try {
    const found = await stat(file);
    if (found.isFile()) return { path: file, size: found.size };
  } catch (error) {
    throw new CliError(`${file} cannot be read (${systemCode(error) ?? "unknown error"})`);
  }
  throw new CliError(`${file} is not a file`);
}
