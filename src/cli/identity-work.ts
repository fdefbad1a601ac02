import { type JsonObject, isObject } from "../domain/json.ts";
import type { IdentityKey } from "../domain/identity/key.ts";
import { type ConnectionString, formatConnectionString } from "../wire/connection-string.ts";
import { CliError } from "./cli-error.ts";
import { type HubClient, identityPath } from "./client.ts";
import type { Call, Result } from "./hub-command.ts";
import { changedIdentity } from "./identity-input.ts";
import type { GivenOptions } from "./options.ts";

/** The device or the module that a command is about. */
export function keyOf(options: GivenOptions): IdentityKey {
  const deviceId = options.required("deviceId");
  const moduleId = options.text("moduleId");
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}

export async function showIdentity({ hub, options }: Call): Promise<Result> {
  return { value: await hub.object("GET", identityPath(keyOf(options))) };
}

/** Reads, changes and writes; refused if somebody else wrote in between. */
export async function updateIdentity({ hub, options }: Call): Promise<Result> {
  const path = identityPath(keyOf(options));
  const stored = await hub.object("GET", path);
  const body = changedIdentity(stored, options);
  return { value: await hub.object("PUT", path, { body, ifMatch: etagFor(options, stored) }) };
}

export async function deleteIdentity({ hub, options }: Call): Promise<undefined> {
  const ifMatch = options.text("etag") ?? "*";
  await hub.request("DELETE", identityPath(keyOf(options)), { ifMatch });
}

/** `--key-type` primary, secondary or both makes new keys; swap exchanges the two. */
export async function renewKey(call: Call): Promise<Result> {
  const { hub, options } = call;
  const key = keyOf(options);
  const kind = options.required("keyType");
  if (kind === "swap") return swapKeys(hub, key, options);
  const body = {
    policyKey: kind === "both" ? "both" : `${kind}Key`,
    devices: [
      { id: key.deviceId, ...(key.moduleId === undefined ? {} : { moduleId: key.moduleId }) },
    ],
  };
  const answer = await hub.object("POST", "/devices/keys/regenerate", {
    body,
    // Older versions of the API do not have it (spec/rest §8.5).
    query: { "api-version": "2024-03-31" },
  });
  const [failed] = Array.isArray(answer["errors"]) ? answer["errors"] : [];
  if (isObject(failed))
    throw new CliError(
      `${JSON.stringify(failed["errorStatus"])} (${JSON.stringify(failed["errorCode"])}): no key was renewed`.replaceAll(
        '"',
        "",
      ),
    );
  return showIdentity(call);
}

async function swapKeys(hub: HubClient, key: IdentityKey, options: GivenOptions): Promise<Result> {
  const path = identityPath(key);
  const stored = await hub.object("GET", path);
  const { primary, secondary } = keysOf(stored);
  const symmetricKey = { primaryKey: secondary, secondaryKey: primary };
  const body = { ...stored, authentication: { type: "sas", symmetricKey } };
  return { value: await hub.object("PUT", path, { body, ifMatch: etagFor(options, stored) }) };
}

/** `{"connectionString": "…"}`. */
export async function showConnectionString({ hub, options }: Call): Promise<Result> {
  const kind = options.text("keyType") === "secondary" ? "secondary" : "primary";
  const connectionString = await connectionStringOf(hub, keyOf(options), kind);
  if (connectionString !== undefined) return { value: { connectionString } };
  throw new CliError("The identity has no credential of its own, hence no connection string");
}

/**
 * Asks the hub for the identity and writes the connection string that its SDK reads (spec/semantics §7.4);
 * nothing for one without a credential, such as `$edgeAgent`.
 */
export async function connectionStringOf(
  hub: HubClient,
  key: IdentityKey,
  kind: "primary" | "secondary",
  more: Pick<ConnectionString, "gatewayHostName"> = {},
): Promise<string | undefined> {
  const stored = await hub.object("GET", identityPath(key));
  const base = { hostName: hub.target.hostName, ...key, ...more };
  switch (authenticationType(stored)) {
    case "sas":
      return formatConnectionString({ ...base, sharedAccessKey: keysOf(stored)[kind] });
    case "selfSigned":
    case "certificateAuthority":
      return formatConnectionString({ ...base, x509: true });
    default:
      return undefined;
  }
}

/** The two keys of an identity as it was read. Throws `CliError` if it has none. */
export function keysOf(identity: JsonObject): { primary: string; secondary: string } {
  const authentication = identity["authentication"];
  const pair = isObject(authentication) ? authentication["symmetricKey"] : undefined;
  const primary = isObject(pair) ? pair["primaryKey"] : undefined;
  const secondary = isObject(pair) ? pair["secondaryKey"] : undefined;
  if (typeof primary === "string" && typeof secondary === "string") return { primary, secondary };
  throw new CliError(
    "The identity has no keys, because it authenticates with a certificate; change that with 'update --auth-method shared_private_key'",
  );
}

function authenticationType(identity: JsonObject): unknown {
  const authentication = identity["authentication"];
  return isObject(authentication) ? authentication["type"] : undefined;
}

function etagFor(options: GivenOptions, stored: JsonObject): string {
  const read = stored["etag"];
  return options.text("etag") ?? (typeof read === "string" ? read : "*");
}
