import { HubError } from "../../domain/errors.ts";
import { type Transfer, folderOf, originOf } from "../../domain/transfers/transfer.ts";
import type { HubContext } from "../context.ts";
import { ownContainer } from "../files/own-storage.ts";
import type { BlobContent, TransferContainer } from "../ports.ts";

type Parts = Pick<HubContext, "files" | "isOwnHost" | "openContainer">;

/** Where an import reads, and where both write: a folder of the hub's own storage, or a container elsewhere. */
export function inputOf(context: Parts, { inputUri, inputSignature }: Transfer): TransferContainer {
  return containerOf(context, inputUri ?? "", inputSignature ?? "");
}

export function outputOf(
  context: Parts,
  { outputUri, outputSignature }: Transfer,
): TransferContainer {
  return containerOf(context, outputUri, outputSignature ?? "");
}

/** Refuses with BlobContainerValidationError what is neither. */
function containerOf(context: Parts, uri: string, signature: string): TransferContainer {
  const elsewhere = context.openContainer?.(originOf(uri), `${uri}${signature}`);
  return elsewhere ?? ownFolder(context, uri);
}

function ownFolder({ files, isOwnHost }: Parts, uri: string): TransferContainer {
  const folder = folderOf(uri, ownContainer, isOwnHost);
  const { blobs } = files;
  if (blobs === null) {
    throw new HubError(
      "BlobContainerValidationError",
      "The hub's own storage, which the container's URI means, is turned off",
    );
  }
  return {
    async read(name) {
      const found = await blobs.read(`${folder}/${name}`);
      return found === null ? null : { size: found.properties.size, content: found.content };
    },
    async write(name, content: BlobContent) {
      const description = { contentType: "text/plain", metadata: {} };
      await blobs.putBlob(
        `${folder}/${name}`,
        content,
        () => description,
        () => undefined,
      );
    },
  };
}
