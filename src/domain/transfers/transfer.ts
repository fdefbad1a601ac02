import { HubError, argumentInvalid } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Milliseconds, timeText } from "../time.ts";

export type TransferStatus = "enqueued" | "running" | "completed" | "failed" | "cancelled";

/** An import or export of the registry (spec/rest §8.13). Immutable. */
export interface Transfer {
  readonly id: string;
  readonly type: "import" | "export";
  readonly status: TransferStatus;
  readonly createdTime: Milliseconds;
  readonly startTime: Milliseconds | null;
  readonly endTime: Milliseconds | null;
  /** Percent. */
  readonly progress: number;
  /** Containers as they were given, without their signatures. */
  readonly inputUri: string | null;
  /** `?sv=…` of the containers, kept while they are needed and shown to nobody; older hubs did not store them. */
  readonly inputSignature?: string | undefined;
  readonly outputSignature?: string | undefined;
  readonly inputBlobName: string;
  readonly outputUri: string;
  readonly outputBlobName: string;
  readonly excludeKeys: boolean;
  /** The blob of configurations; null if they are left alone. */
  readonly configurationsBlobName: string | null;
  readonly storageAuthenticationType: string | null;
  readonly failureReason: string | null;
  /** Lines that an import has read and applied. */
  readonly linesDone: number;
}

/** The blob of identities, if the caller does not name another. */
const defaultBlobName = "devices.txt";
const defaultConfigurationsName = "configurations.txt";
/** Where an import writes what it could not apply. */
export const errorBlobName = "importErrors.log";

export function isOver({ status }: Pick<Transfer, "status">): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** Reads the body of `POST /jobs/create`. Refuses with ArgumentInvalid, ArgumentNull. */
export function readTransfer(id: string, body: JsonObject, now: Milliseconds): Transfer {
  const type = body["type"];
  if (type !== "import" && type !== "export")
    throw argumentInvalid("type must be import or export");
  const outputUri = readUri(body["outputBlobContainerUri"] ?? null);
  if (outputUri === null)
    throw new HubError("ArgumentNull", "The job needs an outputBlobContainerUri");
  const inputUri = readUri(body["inputBlobContainerUri"] ?? null);
  if (type === "import" && inputUri === null)
    throw new HubError("ArgumentNull", "An import needs an inputBlobContainerUri");
  const authentication = body["storageAuthenticationType"] ?? null;
  return {
    id,
    type,
    status: "enqueued",
    createdTime: now,
    startTime: null,
    endTime: null,
    progress: 0,
    inputUri,
    inputSignature: signatureOf(body["inputBlobContainerUri"] ?? null),
    outputSignature: signatureOf(body["outputBlobContainerUri"] ?? null),
    inputBlobName: readBlobName(body["inputBlobName"] ?? null, defaultBlobName),
    outputUri,
    outputBlobName: readBlobName(body["outputBlobName"] ?? null, defaultBlobName),
    excludeKeys: body["excludeKeysInExport"] === true,
    configurationsBlobName:
      body["includeConfigurations"] === true
        ? readBlobName(body["configurationsBlobName"] ?? null, defaultConfigurationsName)
        : null,
    storageAuthenticationType:
      typeof authentication === "string" ? authentication.slice(0, 64) : null,
    failureReason: null,
    linesDone: 0,
  };
}

/** What follows `?` is a secret, and no part of the address. */
function readUri(uri: Json): string | null {
  if (uri === null || uri === "") return null;
  if (typeof uri !== "string" || !URL.canParse(uri) || uri.length > 4096)
    throw new HubError("BlobContainerValidationError", "A container's URI is not valid");
  const { protocol, host, pathname } = new URL(uri);
  return `${protocol}//${host}${pathname}`;
}

function signatureOf(uri: Json): string {
  return typeof uri === "string" && URL.canParse(uri) ? new URL(uri).search : "";
}

/** `https://host:port` of a container's URI. */
export function originOf(uri: string): string {
  const { protocol, host } = new URL(uri);
  return `${protocol}//${host}`;
}

/** The job when nothing is left to read or write: without what opens its containers. */
export function withoutSignatures(transfer: Transfer): Transfer {
  const { inputSignature: _input, outputSignature: _output, ...rest } = transfer;
  return rest;
}

function readBlobName(name: Json, usual: string): string {
  if (name === null || name === "") return usual;
  if (typeof name === "string" && /^[\w.-]{1,128}$/.test(name) && !/^\.{1,2}$/.test(name))
    return name;
  throw argumentInvalid("A blob's name must be 1 to 128 letters, digits and . _ -");
}

/** Folders of registry files begin with it: no device has such an id, so none can be given one to read or write. */
export const folderMark = "~";

/** True for the name of a blob that holds identities. */
export function isRegistryFile(blobName: string): boolean {
  return blobName.startsWith(folderMark);
}

/**
 * The folder of the hub's own storage that a container's URI means: `https://{hub}/{container}/~{folder}`. Refuses
 * everything else with BlobContainerValidationError.
 */
export function folderOf(
  uri: string,
  container: string,
  isOwnHost: (host: string) => boolean,
): string {
  const { protocol, hostname, pathname } = new URL(uri);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const [root, folder, ...rest] = pathname.split("/").filter(Boolean);
  const isFolder = folder !== undefined && /^~[\w.-]{1,64}$/.test(folder) && rest.length === 0;
  if (protocol === "https:" && isOwnHost(host) && root === container && isFolder) return folder;
  throw new HubError(
    "BlobContainerValidationError",
    `The container's URI must be that of this hub's own storage with a folder whose name begins with ~, for example https://{hub}/${container}/~registry`,
  );
}

/** All members, null where unset. */
export function transferView(transfer: Transfer): JsonObject {
  const { startTime, endTime } = transfer;
  return {
    jobId: transfer.id,
    startTimeUtc: startTime === null ? null : timeText(startTime),
    endTimeUtc: endTime === null ? null : timeText(endTime),
    type: transfer.type,
    status: transfer.status,
    progress: transfer.progress,
    inputBlobContainerUri: transfer.inputUri,
    inputBlobName: transfer.type === "import" ? transfer.inputBlobName : null,
    outputBlobContainerUri: transfer.outputUri,
    outputBlobName: transfer.type === "import" ? errorBlobName : transfer.outputBlobName,
    excludeKeysInExport: transfer.excludeKeys,
    storageAuthenticationType: transfer.storageAuthenticationType,
    failureReason: transfer.failureReason,
    // Older hubs did not store it.
    includeConfigurations: (transfer.configurationsBlobName ?? null) !== null,
    configurationsBlobName: transfer.configurationsBlobName ?? null,
  };
}
