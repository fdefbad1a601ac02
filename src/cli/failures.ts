import { type ErrorName, errorNumbers } from "../domain/errors.ts";
import { CliError, systemCode } from "./cli-error.ts";

/** What a person can do about an error of the hub. */
const advice: Partial<Record<ErrorName, string>> = {
  DeviceNotFound: "'twinhub device-identity list' shows the devices",
  ModuleNotFound: "'twinhub module-identity list' shows a device's modules",
  DeviceAlreadyExists: "change it with 'twinhub device-identity update', or choose another id",
  ModuleAlreadyExistsOnDevice:
    "change it with 'twinhub module-identity update', or choose another id",
  PreconditionFailed: "it has been changed meanwhile: read it again, then repeat the command",
  IotHubUnauthorizedAccess: "check key and policy of the connection string given by --login",
  IotHubUnauthorized: "check key and policy of the connection string given by --login",
  ThrottlingException: "repeat the command later",
  ServiceUnavailable: "repeat the command later",
};

/** Longest text of the hub that is shown. */
const maxShown = 500;

/**
 * The hub's refusal as one line: its name and number, its words, and what to do (spec/rest §7).
 * `header` is the value of `iothub-errorcode`, `body` the answer's text.
 */
export function refusal(status: number, header: string | undefined, body: string): CliError {
  const { name, text } = readError(body);
  const code = name ?? header;
  const words = oneLine(text ?? (body === "" ? `HTTP status ${status}` : body));
  if (code === undefined) return new CliError(`The hub answered ${status}: ${words}`);
  const known = isErrorName(code) ? code : undefined;
  const number = known === undefined ? status : errorNumbers[known];
  const hint = known === undefined ? undefined : advice[known];
  return new CliError(`${code} (${number}): ${words}${hint === undefined ? "" : ` (${hint})`}`);
}

/** `{"Message":"ErrorCode:Name;text"}` or a `Message` that is JSON itself. */
function readError(body: string): { name?: string; text?: string } {
  const message = member(parse(body), "Message");
  if (typeof message !== "string") return {};
  const plain = /^ErrorCode:(?<name>\w+);(?<text>.*)$/s.exec(message)?.groups;
  if (plain !== undefined) return { name: plain["name"] ?? "", text: plain["text"] ?? "" };
  const inner = parse(message);
  const number = member(inner, "errorCode");
  const text = member(inner, "message");
  const name = Object.entries(errorNumbers).find(([, each]) => each === number)?.[0];
  return {
    ...(name === undefined ? {} : { name }),
    text: typeof text === "string" ? text : message,
  };
}

function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(errorNumbers, name);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function oneLine(text: string): string {
  const flat = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  return flat.length > maxShown ? `${flat.slice(0, maxShown)}…` : flat;
}

/** Why no answer came, and what to do. `where` is `host:port`. */
export function connectionFailure(error: unknown, where: string): CliError {
  if (error instanceof CliError) return error;
  const code = systemCode(error) ?? "";
  switch (code) {
    case "ECONNREFUSED":
      return new CliError(
        `No hub listens at ${where}; start it with 'twinhub start', or give --https-port if it uses another port`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CliError(
        `The host name of ${where} is not known here; add it to the hosts file, or give --login another one`,
      );
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "CERT_SIGNATURE_FAILURE":
      return new CliError(
        `The certificate of ${where} is signed by a CA that is not trusted; give the hub's CA with --ca or TWINHUB_CA_FILE`,
      );
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return new CliError(
        `The certificate of ${where} is for other names; start the hub with --host-name for this one`,
      );
    case "CERT_HAS_EXPIRED":
      return new CliError(`The certificate of ${where} has expired; restart the hub to renew it`);
    default: {
      const reason = error instanceof Error ? oneLine(error.message) : "unknown error";
      return new CliError(`The hub at ${where} cannot be reached: ${reason}`);
    }
  }
}
