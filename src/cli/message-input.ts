import { type Command, Option } from "commander";
import path from "node:path";
import { UsageError } from "./cli-error.ts";
import type { Call } from "./hub-command.ts";
import { readArgumentFile } from "./json-input.ts";
import type { GivenOptions } from "./options.ts";

/** The options of a message, as `az iot device` names them. */
export function addMessageOptions(command: Command): Command {
  return command
    .addOption(dataOption())
    .option("-p, --properties <pairs>", "application properties: key=value;key2=value2")
    .option("--mid, --message-id <id>", "made if missing")
    .option("--cid, --correlation-id <id>", "what it answers")
    .option("--uid, --user-id <id>", "who sends it")
    .option("--ct, --content-type <type>", "for example application/json")
    .option("--ce, --content-encoding <name>", "for example utf-8");
}

/** Azure's name for a body; everywhere else it is the directory of a hub's data. */
function dataOption(): Option {
  const option = new Option("--da, --data <text>", "the body; @file reads it from a file");
  option.attributeName = () => "body";
  return option.default("Ping from twinhub");
}

const headers = [
  ["messageId", "iothub-messageid"],
  ["correlationId", "iothub-correlationid"],
  ["userId", "iothub-userid"],
  ["contentType", "iothub-contenttype"],
  ["contentEncoding", "iothub-contentencoding"],
] as const;

/** Properties as headers (spec/rest §9.2). Throws `UsageError` for what no header can hold. */
export function messageHeaders(options: GivenOptions): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [option, header] of headers) {
    const value = options.text(option);
    if (value !== undefined) found[header] = headerValue(value);
  }
  for (const pair of (options.text("properties") ?? "").split(";").filter(Boolean)) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name))
      throw new UsageError(
        `--properties reads key=value;key2=value2 with keys that a header can hold, but was given '${pair}'`,
      );
    found[`iothub-app-${name}`] = headerValue(pair.slice(equals + 1));
  }
  return found;
}

function headerValue(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new UsageError("A property may not hold control characters");
  return Buffer.from(text, "utf8").toString("latin1");
}

export function messageBody({ options, io }: Call): Uint8Array {
  const data = options.text("body") ?? "";
  if (!data.startsWith("@")) return Buffer.from(data, "utf8");
  return readArgumentFile("--data", path.resolve(io.directory, data.slice(1)));
}
