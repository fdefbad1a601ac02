import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { CliError, systemCode } from "./cli-error.ts";

const schema = z.object({
  connectionString: z.string(),
  hostName: z.string(),
  httpsPort: z.number(),
  /** Missing in files of older hubs. */
  amqpsPort: z.number().optional(),
  caFile: z.string().nullable(),
});

/** How the commands of this machine find its hub; written by `start` into the data directory. */
export type HubFile = z.output<typeof schema>;

const fileName = "hub.json";

/** Readable by its owner only, since it holds a key. */
export function writeHubFile(directory: string, content: HubFile): void {
  const file = path.join(directory, fileName);
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  // Where a file takes the place of another, ext4 waits for the disk; what the last hub left is of no use to anybody.
  rmSync(file, { force: true });
  renameSync(temporary, file);
}

/** Nothing if there is no such file. Throws `CliError` if there is one and it cannot be used. */
export function readHubFile(directory: string): HubFile | undefined {
  const file = path.join(directory, fileName);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CliError(`${file} cannot be read (${code ?? "unknown error"}); give --login instead`);
  }
  const result = schema.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new CliError(`${file} is damaged; start the hub again, or give --login`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
