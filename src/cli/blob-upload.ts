import { open } from "node:fs/promises";
import { type RequestOptions, request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { rootCertificates } from "node:tls";
import { blobPath } from "../domain/files/blob-name.ts";
import type { JsonObject } from "../domain/json.ts";
import { CliError, systemCode } from "./cli-error.ts";
import { connectionFailure } from "./failures.ts";

/** A larger file is sent in blocks of this size, in bytes. */
const blockSize = 32 * 2 ** 20;
const storageVersion = "2019-12-12";
/** Longest pause of the storage, in milliseconds. */
const pauseTimeout = 60_000;
/** Longest text of a refusal that is looked at. */
const maxRefusal = 4096;

/** Where a file goes, as the hub has answered. */
export interface UploadTicket {
  readonly correlationId: string;
  readonly hostName: string;
  readonly containerName: string;
  readonly blobName: string;
  readonly sasToken: string;
}

/** Reads the hub's answer to the beginning of an upload. */
export function readTicket(answer: JsonObject): UploadTicket {
  const member = (name: keyof UploadTicket): string => {
    const value = answer[name];
    if (typeof value === "string") return value;
    throw new CliError(`The hub's answer has no ${name}; is it a twinhub or an IoT Hub?`);
  };
  return {
    correlationId: member("correlationId"),
    hostName: member("hostName"),
    containerName: member("containerName"),
    blobName: member("blobName"),
    sasToken: member("sasToken"),
  };
}

export interface FileToSend {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
}

/** Sends a file to its place in the storage, a piece at a time. Failures are `CliError`s. */
export async function sendFile(
  ticket: UploadTicket,
  file: FileToSend,
  ca: readonly string[],
): Promise<void> {
  const put = storagePut(ticket, [...rootCertificates, ...ca]);
  if (file.size <= blockSize) {
    const headers = { "x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": file.contentType };
    return put("", headers, { path: file.path, start: 0, size: file.size });
  }
  const ids: string[] = [];
  for (let start = 0; start < file.size; start += blockSize) {
    const id = Buffer.from(String(ids.length).padStart(6, "0")).toString("base64");
    const size = Math.min(blockSize, file.size - start);
    await put(
      `&comp=block&blockid=${encodeURIComponent(id)}`,
      {},
      { path: file.path, start, size },
    );
    ids.push(id);
  }
  const list = `<BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join("")}</BlockList>`;
  await put("&comp=blocklist", { "x-ms-blob-content-type": file.contentType }, Buffer.from(list));
}

type Piece = { readonly path: string; readonly start: number; readonly size: number };
type Put = (query: string, headers: Record<string, string>, body: Piece | Buffer) => Promise<void>;

function storagePut(ticket: UploadTicket, ca: string[]): Put {
  const { hostName, containerName, blobName, sasToken } = ticket;
  const base = `https://${hostName}/${containerName}/${blobPath(blobName)}${sasToken}`;
  return async (query, headers, body) => {
    const length = Buffer.isBuffer(body) ? body.length : body.size;
    const options = {
      method: "PUT",
      ca,
      agent: false,
      headers: { ...headers, "x-ms-version": storageVersion, "content-length": String(length) },
    };
    await send(new URL(base + query), options, body).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") throw new CliError("The file has gone meanwhile");
      throw connectionFailure(error, hostName);
    });
  };
}

async function send(url: URL, options: RequestOptions, body: Piece | Buffer): Promise<void> {
  const request = httpsRequest(url, options);
  request.setTimeout(pauseTimeout, () =>
    request.destroy(new CliError(`The storage was silent for ${pauseTimeout / 1000} seconds`)),
  );
  const answered = new Promise<void>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const { statusCode = 0 } = response;
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text = (text + chunk).slice(0, maxRefusal)));
      response.on("error", reject);
      response.on("end", () => {
        if (statusCode === 201) resolve();
        else reject(refused(statusCode, text));
      });
    });
  });
  await Promise.all([answered, write(request, body)]);
}

async function write(request: ReturnType<typeof httpsRequest>, body: Piece | Buffer) {
  if (Buffer.isBuffer(body) || body.size === 0) {
    request.end(Buffer.isBuffer(body) ? body : undefined);
    return;
  }
  const handle = await open(body.path);
  const end = body.start + body.size - 1;
  // The answer tells more than a pipe that broke.
  await pipeline(handle.createReadStream({ start: body.start, end }), request).catch(() => {});
}

function refused(status: number, text: string): CliError {
  const code = /<Code>([A-Za-z0-9]{1,80})<\/Code>/.exec(text)?.[1];
  return new CliError(`The storage answered ${status}${code === undefined ? "" : `: ${code}`}`);
}
