import { createBlobSas } from "../../domain/files/blob-sas.ts";
import type { BlobStore, FileStorage, HubStore, Random } from "../ports.ts";

/** The one container of the hub's own storage. */
export const ownContainer = "uploads";
/** What stands for the name of a storage account in its signatures. */
export const ownAccount = "hub";
/** What a device may do with its blob: as IoT Hub's own signatures permit. */
const deviceRights = "rw";

/**
 * The hub's own storage: reached as the hub itself is, signed with a key of its own. `address` is the hub's name with
 * its HTTPS port if that is not 443.
 */
export function ownStorage(blobs: BlobStore, key: string, address: () => string): FileStorage {
  return {
    containerName: ownContainer,
    get publicHost() {
      return address();
    },
    hostNameFor: (hubHost) => hubHost,
    sign: (blob, expires) =>
      createBlobSas(
        { account: ownAccount, container: ownContainer, blob },
        deviceRights,
        expires,
        key,
      ),
    find: (blobName) => blobs.properties(blobName),
  };
}

/** The key of the hub's own signatures, Base64; made at the first start. */
export async function ensureSigningKey(store: HubStore, random: Random): Promise<string> {
  const made = random.base64(32);
  return store.transaction(null, (tx) => {
    const stored = tx.document("hub", "blobKey")?.["key"];
    if (typeof stored === "string") return stored;
    tx.putDocument("hub", "blobKey", { key: made });
    return made;
  });
}
