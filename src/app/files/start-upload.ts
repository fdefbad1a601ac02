import { HubError } from "../../domain/errors.ts";
import { blobNameFor } from "../../domain/files/blob-name.ts";
import { uploadLifetime } from "../../domain/files/limits.ts";
import { checkRoom, newCorrelationId, stillOpen } from "../../domain/files/upload.ts";
import type { HubContext } from "../context.ts";
import type { FileStorage } from "../ports.ts";
import { type IdentityPrincipal, denied } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { addUpload, uploadsOf } from "./open-uploads.ts";

/** What a device needs to send its file: to `https://{hostName}/{containerName}/{blobName}{sasToken}`. */
export interface UploadTicket {
  readonly correlationId: string;
  readonly hostName: string;
  readonly containerName: string;
  readonly blobName: string;
  readonly sasToken: string;
}

/**
 * Begins an upload of a device (spec/semantics §14). `hubHost` is the host, with its port if it has one, under which
 * the device has called. Refuses with 400014 if the hub has no storage, 400004 for names that no URL can carry, 403006
 * if the device has ten uploads open.
 */
export async function startUpload(
  context: HubContext,
  principal: IdentityPrincipal,
  name: string,
  hubHost: string,
): Promise<UploadTicket> {
  const deviceId = demandDevice(principal);
  const storage = storageOf(context);
  const blobName = blobNameFor(deviceId, name);
  const hostName = storage.hostNameFor(hubHost);
  const uuid = context.random.uuid();
  const { correlationId, expires } = await context.store.transaction(principal.key, (tx) => {
    findIdentity(tx, principal.key);
    checkRoom(stillOpen(uploadsOf(tx, deviceId), tx.now));
    const upload = {
      correlationId: newCorrelationId(tx.now, uuid),
      blobName,
      expires: tx.now + uploadLifetime,
    };
    addUpload(tx, deviceId, upload);
    return upload;
  });
  const sasToken = storage.sign(blobName, expires);
  return { correlationId, hostName, containerName: storage.containerName, blobName, sasToken };
}

/** Files are the business of devices: modules have none (spec/semantics §14). */
export function demandDevice({ key }: IdentityPrincipal): string {
  if (key.moduleId === undefined) return key.deviceId;
  throw denied("A module has no file upload");
}

export function storageOf({ files }: HubContext): FileStorage {
  if (files.storage !== null) return files.storage;
  throw new HubError(
    "DefaultStorageEndpointNotConfigured",
    "File upload is turned off at this hub",
  );
}
