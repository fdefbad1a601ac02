import { HubError } from "../../domain/errors.ts";
import type { NamedBlob } from "../../domain/files/blob.ts";
import { stillOpen } from "../../domain/files/upload.ts";
import { isRegistryFile } from "../../domain/transfers/transfer.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { waitingForServices } from "../messages/service-queue.ts";
import { type Principal, demand } from "../principal.ts";
import { uploadsOf } from "./open-uploads.ts";

/** Files of one page, at most. */
export const maxListedFiles = 1_000;

/** A page of the files of a device, or of a folder of imports and exports. */
export interface FilePage {
  /** In the order of their names. */
  readonly files: readonly NamedBlob[];
  /** There are more after the last one of this page. */
  readonly more: boolean;
  /** Uploads that the device has begun and not yet reported as done. */
  readonly openUploads: readonly OpenUpload[];
}

export interface OpenUpload {
  readonly blobName: string;
  readonly expires: Milliseconds;
}

/** Where files go, and whether services hear of them. */
export interface FilesState {
  /** `own`: the hub's own storage; `account`: one elsewhere, whose files the hub can't list; `none`: file upload is off. */
  readonly storage: "own" | "account" | "none";
  readonly containerName: string | null;
  readonly notifications: boolean;
  /** File notifications that no service has taken yet. */
  readonly waitingNotifications: number;
}

export async function filesState(context: HubContext, principal: Principal): Promise<FilesState> {
  demand(principal, "ServiceConnect");
  const { storage, blobs } = context.files;
  return {
    storage: storage === null ? "none" : blobs === null ? "account" : "own",
    containerName: storage?.containerName ?? null,
    notifications: context.settings.fileNotifications,
    waitingNotifications: await context.store.transaction(null, (tx) =>
      waitingForServices(tx, "fileNotifications"),
    ),
  };
}

/**
 * The files of `folder`, a device's id or a `~folder`, after the name `after`, at most `limit` of them. For
 * ServiceConnect; for RegistryWrite in a `~folder`, where keys of identities may be. Refuses with FeatureNotSupported if
 * the files are not in the hub's own storage.
 */
export async function listFiles(
  context: HubContext,
  principal: Principal,
  folder: string,
  after: string | null,
  limit: number,
): Promise<FilePage> {
  demand(principal, isRegistryFile(folder) ? "RegistryWrite" : "ServiceConnect");
  const { blobs } = context.files;
  if (blobs === null)
    throw new HubError("FeatureNotSupported", "The hub has no storage of its own to list files of");
  const page = await blobs.list(folder, after, Math.min(limit, maxListedFiles));
  const openUploads = await context.store.transaction(null, (tx) =>
    stillOpen(uploadsOf(tx, folder), tx.now),
  );
  return {
    files: page.blobs,
    more: page.more,
    openUploads: openUploads.map(({ blobName, expires }) => ({ blobName, expires })),
  };
}
