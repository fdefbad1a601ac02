import path from "node:path";
import type { Command } from "commander";
import type { RequestInput } from "../client.ts";
import { type Call, hubCommand } from "../hub-command.ts";
import type { Io } from "../io.ts";
import { readArgumentFile } from "../json-input.ts";
import { type GivenOptions, etagOption } from "../options.ts";
import type { Column } from "../output.ts";

const columns: readonly Column[] = [
  ["CERTIFICATE", "name"],
  ["SUBJECT", "properties.subject"],
  ["VERIFIED", "properties.isVerified"],
  ["EXPIRY", "properties.expiry"],
  ["THUMBPRINT", "properties.thumbprint"],
];

const all = "/$hub/certificates";

/** `certificate create | update | list | show | delete | generate-verification-code | verify`, as `az iot hub` has them. */
export function addCertificate(program: Command, io: Io): void {
  const group = program
    .command("certificate")
    .description("CAs that certificates of devices and modules may be signed by");
  const command = (name: string, text: string): Command =>
    group.command(name).description(text).requiredOption("-n, --name <name>", "the certificate");
  const pathOption = (of: Command): Command =>
    of.requiredOption("-p, --path <file>", "PEM or DER of the certificate");

  hubCommand(group.command("list").description("list them"), io, async ({ hub }) => ({
    value: await hub.list(all),
    columns,
  }));
  hubCommand(command("show", "show one"), io, async ({ hub, options }) => ({
    value: await hub.object("GET", pathOf(options)),
  }));
  const verified = "-v, --verified";
  hubCommand(
    pathOption(command("create", "register one")).option(verified, "you vouch for it"),
    io,
    async (call) => ({ value: await put(call, {}) }),
  );
  hubCommand(
    etagOption(pathOption(command("update", "replace one")).option(verified, "you vouch for it")),
    io,
    async (call) => ({ value: await put(call, etagOf(call.options)) }),
  );
  hubCommand(
    etagOption(command("delete", "delete one; its devices are refused from then on")),
    io,
    async ({ hub, options }) => {
      await hub.request("DELETE", pathOf(options), etagOf(options));
      return undefined;
    },
  );
  hubCommand(
    etagOption(
      command("generate-verification-code", "make the code that a proof of possession must name"),
    ),
    io,
    async ({ hub, options }) => ({
      value: await hub.object("POST", `${pathOf(options)}/generateVerificationCode`, {
        ...etagOf(options),
      }),
    }),
  );
  hubCommand(
    etagOption(
      pathOption(command("verify", "prove possession with a certificate made out to the code")),
    ),
    io,
    async (call) => ({
      value: await call.hub.object("POST", `${pathOf(call.options)}/verify`, {
        ...etagOf(call.options),
        body: { certificate: fileOf(call) },
      }),
    }),
  );
}

function put(call: Call, input: RequestInput) {
  const isVerified = call.options.toggle("verified") ?? false;
  const body = { certificate: fileOf(call), isVerified };
  return call.hub.object("PUT", pathOf(call.options), { ...input, body });
}

function pathOf(options: GivenOptions): string {
  return `${all}/${encodeURIComponent(options.required("name"))}`;
}

function etagOf(options: GivenOptions): RequestInput {
  return { ifMatch: options.text("etag") ?? "*" };
}

/** PEM as it is, DER as Base64. */
function fileOf({ options, io }: Call): string {
  const file = path.resolve(io.directory, options.required("path"));
  const bytes = readArgumentFile("--path", file);
  const text = bytes.toString("utf8");
  return text.includes("-----BEGIN") ? text : bytes.toString("base64");
}
