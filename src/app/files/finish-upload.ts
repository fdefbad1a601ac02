import { HubError } from "../../domain/errors.ts";
import { blobPath } from "../../domain/files/blob-name.ts";
import { fileNotificationView } from "../../domain/files/notification.ts";
import { type UploadReport, findUpload } from "../../domain/files/upload.ts";
import type { HubContext } from "../context.ts";
import { putForService } from "../messages/service-queue.ts";
import type { FileStorage } from "../ports.ts";
import type { IdentityPrincipal } from "../principal.ts";
import { removeUpload, uploadsOf } from "./open-uploads.ts";
import { demandDevice, storageOf } from "./start-upload.ts";

/**
 * Ends an upload as the device reports it, and tells services of a file that is there (spec/semantics §14). Refuses
 * with 400015 and 400016 for correlation ids that mean nothing or have expired; with 400020 if the upload is reported
 * as done and there is no such blob: it stays open then.
 */
export async function finishUpload(
  context: HubContext,
  principal: IdentityPrincipal,
  report: UploadReport,
): Promise<void> {
  const deviceId = demandDevice(principal);
  const storage = storageOf(context);
  const { correlationId, isSuccess } = report;
  const upload = await context.store.transaction(principal.key, (tx) =>
    findUpload(uploadsOf(tx, deviceId), correlationId, tx.now),
  );
  const blob = isSuccess ? await storage.find(upload.blobName) : null;
  if (isSuccess && blob === null) {
    throw new HubError(
      "InvalidStorageEndpointOrBlob",
      "The upload is reported as done, but its blob is not there",
    );
  }
  const notified = blob !== null && context.settings.fileNotifications;
  await context.store.transaction(principal.key, (tx) => {
    // Somebody else may have ended it meanwhile.
    removeUpload(tx, deviceId, findUpload(uploadsOf(tx, deviceId), correlationId, tx.now));
    if (!notified) return;
    const { blobName } = upload;
    const blobUri = uriOf(storage, blobName);
    const view = fileNotificationView({ deviceId, blobUri, blobName, ...blob }, tx.now);
    putForService(tx, "fileNotifications", view);
  });
  if (notified) context.feedbackChanged();
}

function uriOf({ publicHost, containerName }: FileStorage, blobName: string): string {
  return `https://${publicHost}/${containerName}/${blobPath(blobName)}`;
}
