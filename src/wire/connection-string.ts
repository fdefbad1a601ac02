import { argumentInvalid } from "../domain/errors.ts";

/** Longest connection string that is read, in characters. */
export const maxConnectionStringLength = 4096;

/**
 * What a connection string says. Its kind follows from what is there: without `deviceId` a service's, with
 * `moduleId` a module's; exactly one of `sharedAccessKey`, `sharedAccessSignature` and `x509` is the credential.
 */
export interface ConnectionString {
  readonly hostName: string;
  readonly deviceId?: string | undefined;
  readonly moduleId?: string | undefined;
  /** The policy whose key this is; absent for an identity's own key. */
  readonly sharedAccessKeyName?: string | undefined;
  /** Base64. */
  readonly sharedAccessKey?: string | undefined;
  readonly sharedAccessSignature?: string | undefined;
  readonly x509?: true | undefined;
  readonly gatewayHostName?: string | undefined;
}

/** Names as written, in the order in which they are written. */
const names = {
  hostName: "HostName",
  deviceId: "DeviceId",
  moduleId: "ModuleId",
  sharedAccessKeyName: "SharedAccessKeyName",
  sharedAccessKey: "SharedAccessKey",
  sharedAccessSignature: "SharedAccessSignature",
  x509: "x509",
  gatewayHostName: "GatewayHostName",
} as const satisfies Record<keyof ConnectionString, string>;

type Member = keyof ConnectionString;

const members = Object.keys(names) as Member[];

const memberByName: ReadonlyMap<string, Member> = new Map(
  members.map((member) => [names[member].toLowerCase(), member]),
);

/**
 * Reads a service's, device's or module's connection string (spec/semantics §7.4): `name=value` parts joined with
 * `;`, split at the first `=`; names in any case, a `;` at the end tolerated. Throws ArgumentInvalid and says what is
 * wrong, without a value.
 */
export function parseConnectionString(text: string): ConnectionString {
  if (text.length > maxConnectionStringLength) {
    throw argumentInvalid(
      `A connection string may have ${maxConnectionStringLength} characters at most`,
    );
  }
  const found: { -readonly [M in Member]?: string } = {};
  const unknown: string[] = [];
  for (const [position, part] of text.trim().split(";").entries()) {
    if (part.trim() === "") continue;
    const [name, value] = splitPart(part, position);
    const member = memberByName.get(name.toLowerCase());
    if (member === undefined) unknown.push(shownName(name, position));
    else if (found[member] !== undefined) throw argumentInvalid(`${names[member]} is given twice`);
    else found[member] = value;
  }
  if (unknown.length > 0) {
    throw argumentInvalid(
      `A connection string has no such member: ${unknown.slice(0, 8).join(", ")}`,
    );
  }
  const { hostName, x509, ...rest } = found;
  if (hostName === undefined) throw argumentInvalid("The connection string lacks HostName");
  const result = readFlag(x509)
    ? { hostName, ...rest, x509: true as const }
    : { hostName, ...rest };
  checkMeaning(result);
  return result;
}

/**
 * Writes the form that every SDK reads: exact names, fixed order, no `;` at the end. Throws ArgumentInvalid if the
 * members do not belong together, or if a value has a `;`, which no connection string can hold.
 */
export function formatConnectionString(connectionString: ConnectionString): string {
  checkMeaning(connectionString);
  const parts: string[] = [];
  for (const member of members) {
    const value = connectionString[member];
    if (value === undefined) continue;
    const text = String(value);
    if (text === "" || text !== text.trim() || text.includes(";")) {
      throw argumentInvalid(
        `${names[member]} is empty, begins or ends with a blank, or has a semicolon: no connection string can hold it`,
      );
    }
    parts.push(`${names[member]}=${text}`);
  }
  return parts.join(";");
}

function splitPart(part: string, position: number): readonly [name: string, value: string] {
  const equals = part.indexOf("=");
  if (equals < 1)
    throw argumentInvalid(`Part ${position + 1} of the connection string has no name`);
  const name = part.slice(0, equals).trim();
  const value = part.slice(equals + 1).trim();
  if (value === "") {
    throw argumentInvalid(`${shownName(name, position)} of the connection string is empty`);
  }
  return [name, value];
}

/** Members that only some clients know, and those of other services, whose texts people mistake for a hub's. */
const foreignNames =
  /^(?:Port|UseProvisioning|Endpoint|EntityPath|AccountName|AccountKey|DefaultEndpointsProtocol|EndpointSuffix|BlobEndpoint)$/i;

/** Any other text may be a piece of a key that stands in a wrong place, and is not repeated. */
function shownName(name: string, position: number): string {
  const isKnown = memberByName.has(name.toLowerCase()) || foreignNames.test(name);
  return isKnown ? `'${name}'` : `part ${position + 1}`;
}

function readFlag(text: string | undefined): boolean {
  switch (text?.toLowerCase()) {
    case undefined:
    case "false":
      return false;
    case "true":
      return true;
    default:
      throw argumentInvalid("x509 must be true or false");
  }
}

function checkMeaning(given: ConnectionString): void {
  const { deviceId, sharedAccessKeyName, sharedAccessKey, sharedAccessSignature, x509 } = given;
  const credentials = [sharedAccessKey, sharedAccessSignature, x509];
  if (credentials.filter((credential) => credential !== undefined).length !== 1) {
    throw argumentInvalid(
      "A connection string has one of SharedAccessKey, SharedAccessSignature and x509=true",
    );
  }
  if (sharedAccessKeyName !== undefined && x509 !== undefined) {
    throw argumentInvalid("SharedAccessKeyName and x509=true exclude each other");
  }
  if (deviceId !== undefined) return;
  if (given.moduleId !== undefined || given.gatewayHostName !== undefined || x509 !== undefined) {
    throw argumentInvalid("ModuleId, GatewayHostName and x509 need a DeviceId");
  }
  if (sharedAccessKey !== undefined && sharedAccessKeyName === undefined) {
    throw argumentInvalid("The connection string has neither DeviceId nor SharedAccessKeyName");
  }
}
