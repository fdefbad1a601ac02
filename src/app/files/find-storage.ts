import type { HubFiles } from "../context.ts";
import type { BlobStore, FileStorage, HubStore, Random } from "../ports.ts";
import { ensureSigningKey, ownStorage } from "./own-storage.ts";

/** An account elsewhere, or the hub's own store with the address at which services find it: `host` or `host:port`. */
export type FileStorageParts =
  | { readonly kind: "account"; readonly storage: FileStorage }
  | { readonly kind: "own"; readonly blobs: BlobStore; readonly address: () => string };

/** Where the files of devices go, as the hub's parts say. */
export async function findStorage(parts: {
  readonly store: HubStore;
  readonly random: Random;
  readonly fileStorage?: FileStorageParts | undefined;
}): Promise<HubFiles> {
  const { store, random, fileStorage } = parts;
  switch (fileStorage?.kind) {
    case undefined:
      return { storage: null, blobs: null, signingKey: "" };
    case "account":
      return { storage: fileStorage.storage, blobs: null, signingKey: "" };
    case "own": {
      const { blobs, address } = fileStorage;
      const signingKey = await ensureSigningKey(store, random);
      return { storage: ownStorage(blobs, signingKey, address), blobs, signingKey };
    }
  }
}
