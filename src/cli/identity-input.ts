import { type Command, Option } from "commander";
import { type JsonObject, isObject } from "../domain/json.ts";
import { flagName } from "../config/names.ts";
import { UsageError } from "./cli-error.ts";
import { assign, readAssignment } from "./json-input.ts";
import { type GivenOptions, repeatable } from "./options.ts";

/** The ways to authenticate, as `az iot hub` names them, and the hub's names for them. */
const authenticationTypes = {
  shared_private_key: "sas",
  x509_thumbprint: "selfSigned",
  x509_ca: "certificateAuthority",
} as const;

type AuthMethod = keyof typeof authenticationTypes;

const keyOptions = ["primaryKey", "secondaryKey"] as const;
const thumbprintOptions = ["primaryThumbprint", "secondaryThumbprint"] as const;

export function addAuthenticationOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--am, --auth-method <method>", "how it proves itself").choices(
        Object.keys(authenticationTypes),
      ),
    )
    .option("--pk, --primary-key <key>", "Base64; both keys are made by the hub if none is given")
    .option("--sk, --secondary-key <key>", "Base64")
    .option("--ptp, --primary-thumbprint <hex>", "SHA-1 or SHA-256 of the certificate")
    .option("--stp, --secondary-thumbprint <hex>", "of a second certificate");
}

export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--ee, --edge-enabled [boolean]", "whether it is an edge device")
        .choices(["true", "false"])
        .preset("true"),
    )
    .addOption(
      new Option("--sta, --status <status>", "whether it may connect").choices([
        "enabled",
        "disabled",
      ]),
    )
    .option("--star, --status-reason <text>", "why, at most 128 characters");
}

export function setOption(): Option {
  return repeatable("--set <path=value>", "set one member; may be repeated");
}

/** The `authentication` of a new identity; by default the hub makes two keys. */
export function newAuthentication(options: GivenOptions): JsonObject {
  return authentication(methodOf(options) ?? impliedMethod(options), options, {});
}

/** A copy of an identity as it was read, changed as the options say. Throws `UsageError` if they change nothing. */
export function changedIdentity(stored: JsonObject, options: GivenOptions): JsonObject {
  const changes = [...members(stored, options), ...options.texts("set").map(readAssignment)];
  if (changes.length === 0)
    throw new UsageError(
      "Nothing to change: give an option of what is to change, or --set path=value",
    );
  return changes.reduce(assign, stored);
}

function members(stored: JsonObject, options: GivenOptions) {
  const found: { path: readonly string[]; value: JsonObject | string | boolean }[] = [];
  const before = isObject(stored["authentication"]) ? stored["authentication"] : {};
  if (methodOf(options) !== undefined || given(options, [...keyOptions, ...thumbprintOptions]))
    found.push({ path: ["authentication"], value: changedAuthentication(before, options) });
  const edge = options.toggle("edgeEnabled");
  if (edge !== undefined) found.push({ path: ["capabilities", "iotEdge"], value: edge });
  for (const name of ["status", "statusReason", "managedBy"]) {
    const text = options.text(name);
    if (text !== undefined) found.push({ path: [name], value: text });
  }
  return found;
}

function changedAuthentication(before: JsonObject, options: GivenOptions): JsonObject {
  const stored = methodNamed(before["type"]);
  const method = methodOf(options) ?? stored ?? impliedMethod(options);
  // What belongs to another way of authenticating does not live on.
  return authentication(method, options, method === stored ? before : {});
}

function authentication(method: AuthMethod, options: GivenOptions, before: JsonObject): JsonObject {
  const type = authenticationTypes[method];
  switch (method) {
    case "shared_private_key":
      refuse(options, thumbprintOptions, method);
      return { type, symmetricKey: merged(before["symmetricKey"], options, keyOptions) };
    case "x509_thumbprint":
      refuse(options, keyOptions, method);
      return { type, x509Thumbprint: merged(before["x509Thumbprint"], options, thumbprintOptions) };
    case "x509_ca":
      refuse(options, [...keyOptions, ...thumbprintOptions], method);
      return { type };
  }
}

function merged(
  before: JsonObject[string] | undefined,
  options: GivenOptions,
  names: readonly string[],
): JsonObject {
  const pairs = names.flatMap((name) => {
    const text = options.text(name);
    return text === undefined ? [] : [[name, text] as const];
  });
  return { ...(isObject(before) ? before : {}), ...Object.fromEntries(pairs) };
}

function given(options: GivenOptions, names: readonly string[]): boolean {
  return names.some((name) => options.text(name) !== undefined);
}

function refuse(options: GivenOptions, names: readonly string[], method: AuthMethod): void {
  const wrong = names.find((name) => options.text(name) !== undefined);
  if (wrong === undefined) return;
  throw new UsageError(`${flagName(wrong)} does not belong to --auth-method ${method}`);
}

function methodOf(options: GivenOptions): AuthMethod | undefined {
  const text = options.text("authMethod");
  return methods.find((method) => method === text);
}

function methodNamed(type: unknown): AuthMethod | undefined {
  return methods.find((method) => authenticationTypes[method] === type);
}

function impliedMethod(options: GivenOptions): AuthMethod {
  return given(options, thumbprintOptions) ? "x509_thumbprint" : "shared_private_key";
}

const methods = Object.keys(authenticationTypes) as AuthMethod[];
