import { type Command, Option } from "commander";
import type { JsonObject } from "../../domain/json.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";

/** How often `--wait` looks, in milliseconds. */
const pollEvery = 500;

/** Of the hub's own storage, unless another is named. */
const usualFolder = "~registry";

/** `device-identity export | import`, as `az iot hub` has them: jobs over all identities and their twins. */
export function addTransfers(group: Command, io: Io): void {
  const command = (name: string, text: string): Command =>
    group
      .command(name)
      .description(text)
      .addOption(
        new Option("--sa, --storage-authentication-type <type>", "the hub's own storage needs none")
          .choices(["key", "identity"])
          .hideHelp(),
      )
      .option("--ic, --include-configurations", "automatic configurations and deployments, too")
      .option("--wait", "until it has ended");
  hubCommand(
    command("export", "write all devices and modules, with their twins, to the hub's storage")
      .option(
        "--bcu, --blob-container-uri <uri>",
        "https://{hub}/uploads/~{folder}; ~registry if missing",
      )
      .option("--ik, --include-keys", "with their keys"),
    io,
    async (call) => {
      const outputBlobContainerUri = containerOf(call, "blobContainerUri");
      const excludeKeysInExport = call.options.toggle("includeKeys") !== true;
      return run(call, { type: "export", outputBlobContainerUri, excludeKeysInExport });
    },
  );
  hubCommand(
    command("import", "make and change devices and modules as the lines of such a file say")
      .option(
        "--ibcu, --input-blob-container-uri <uri>",
        "where devices.txt is; ~registry if missing",
      )
      .option(
        "--obcu, --output-blob-container-uri <uri>",
        "for importErrors.log; ~registry if missing",
      ),
    io,
    async (call) =>
      run(call, {
        type: "import",
        inputBlobContainerUri: containerOf(call, "inputBlobContainerUri"),
        outputBlobContainerUri: containerOf(call, "outputBlobContainerUri"),
      }),
  );
}

function containerOf({ hub, options }: Call, name: string): string {
  return options.text(name) ?? `https://${hub.target.hostName}/uploads/${usualFolder}`;
}

async function run({ hub, options, io }: Call, body: JsonObject): Promise<Result> {
  const includeConfigurations = options.toggle("includeConfigurations") === true;
  let job = await hub.object("POST", "/jobs/create", { body: { ...body, includeConfigurations } });
  const { jobId } = job;
  const path = `/jobs/${typeof jobId === "string" ? jobId : ""}`;
  while (options.toggle("wait") === true && job["endTimeUtc"] === null) {
    await new Promise((resolve) => setTimeout(resolve, pollEvery));
    job = await hub.object("GET", path);
  }
  const { status, failureReason } = job;
  if (status === "failed" && typeof failureReason === "string")
    io.err(`The job has failed: ${failureReason}\n`);
  return { value: job };
}
