import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock, FileStorage } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { blobPath } from "../../domain/files/blob-name.ts";
import { createBlobSas, sasVersion } from "../../domain/files/blob-sas.ts";

/** An account of Azure Storage, or of Azurite. */
export interface StorageAccount {
  readonly accountName: string;
  /** Base64. */
  readonly accountKey: string;
  /** Without a slash at its end; Azurite's has the account's name as its path. */
  readonly blobEndpoint: string;
}

/** What a device may do with its blob: as IoT Hub's own signatures permit. */
const deviceRights = "rw";
/** How long the hub's own look at a blob may take, in milliseconds. */
const lookTimeout = 10_000;

/** Files go to an account of Azure Storage: devices get its service signatures, and the hub only looks whether they came. */
export function createAzureStorage(options: {
  readonly account: StorageAccount;
  readonly containerName: string;
  readonly clock: Pick<Clock, "now">;
}): FileStorage {
  const { account, containerName, clock } = options;
  const { accountName, accountKey, blobEndpoint } = account;
  const host = blobEndpoint.replace(/^https?:\/\//, "");
  const sign = (blob: string, rights: string, expires: number): string =>
    createBlobSas(
      { account: accountName, container: containerName, blob },
      rights,
      expires,
      accountKey,
    );
  return {
    containerName,
    hostNameFor: () => host,
    publicHost: host,
    sign: (blob, expires) => sign(blob, deviceRights, expires),
    async find(blob) {
      const query = sign(blob, "r", clock.now() + 10 * lookTimeout);
      const url = new URL(`${blobEndpoint}/${containerName}/${blobPath(blob)}${query}`);
      const { status, length, modified } = await look(url);
      if (status === 200) return { size: length, lastModified: modified };
      if (status >= 400 && status < 500 && status !== 429) return null;
      throw unavailable(`answers ${status}`);
    },
  };
}

interface Look {
  readonly status: number;
  readonly length: number;
  readonly modified: number;
}

function look(url: URL): Promise<Look> {
  const request = url.protocol === "http:" ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const options = {
      method: "HEAD",
      headers: { "x-ms-version": sasVersion },
      timeout: lookTimeout,
    };
    const sent = request(url, options, (response) => {
      response.resume();
      const { "content-length": length, "last-modified": modified } = response.headers;
      resolve({
        status: response.statusCode ?? 0,
        length: Number(length ?? 0),
        modified: Date.parse(modified ?? "") || 0,
      });
    });
    sent.on("timeout", () => sent.destroy(unavailable("does not answer")));
    sent.on("error", (error: NodeJS.ErrnoException) =>
      reject(error instanceof HubError ? error : unavailable(`cannot be reached: ${error.code}`)),
    );
    sent.end();
  });
}

function unavailable(what: string): HubError {
  return new HubError("ServiceUnavailable", `The storage account ${what}`);
}
