import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { BlobContent, TransferContainer } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { sasVersion } from "../../domain/files/blob-sas.ts";

/** Bytes of a block: what is held in memory, and sent again by nobody. */
const blockBytes = 4 * 1024 * 1024;
/** The protocol's own limit. */
const maxBlocks = 50_000;
/** A silence that ends a request, in milliseconds. */
const silence = 60_000;

/**
 * A container of Azure Storage or Azurite by its URI with a shared access signature that permits reading and writing.
 * Refuses with BlobContainerValidationError whatever the storage refuses; redirects are not followed.
 */
export function openAzureContainer(uri: string): TransferContainer {
  const container = new URL(uri);
  const urlOf = (name: string, query: Readonly<Record<string, string>>): URL => {
    const url = new URL(container);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/${name}`;
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  };
  return {
    async read(name) {
      const response = await send("GET", urlOf(name, {}), {});
      if (response.statusCode === 404) {
        response.resume();
        return null;
      }
      check(response, name);
      const size = Number(response.headers["content-length"] ?? 0);
      return { size, content: contentOf(response) };
    },
    async write(name, content) {
      const ids: string[] = [];
      for await (const block of blocksOf(content)) {
        if (ids.length >= maxBlocks) throw refused(`${name} has more than ${maxBlocks} blocks`);
        const id = Buffer.from(String(ids.length).padStart(8, "0")).toString("base64");
        await put(urlOf(name, { comp: "block", blockid: id }), name, block);
        ids.push(id);
      }
      const list = ids.map((id) => `<Uncommitted>${id}</Uncommitted>`).join("");
      const body = `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`;
      await put(urlOf(name, { comp: "blocklist" }), name, Buffer.from(body), {
        "x-ms-blob-content-type": "text/plain",
      });
    },
  };
}

async function* contentOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw refused(`broke off: ${(error as NodeJS.ErrnoException).code}`);
  }
}

async function* blocksOf(content: BlobContent): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of content) {
    parts.push(part);
    size += part.byteLength;
    if (size < blockBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts);
}

async function put(
  url: URL,
  name: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const response = await send("PUT", url, headers, body);
  response.resume();
  check(response, name);
}

function send(
  method: "GET" | "PUT",
  url: URL,
  headers: Readonly<Record<string, string>>,
  body?: Buffer,
): Promise<IncomingMessage> {
  const request = url.protocol === "http:" ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(body.byteLength) };
    const options = {
      method,
      headers: { "x-ms-version": sasVersion, ...length, ...headers },
      timeout: silence,
    };
    const sent = request(url, options, resolve);
    sent.on("timeout", () =>
      sent.destroy(refused(`does not answer for ${silence / 1000} seconds`)),
    );
    // The error of the system names the address only, and no signature.
    sent.on("error", (error: NodeJS.ErrnoException) =>
      reject(error instanceof HubError ? error : refused(`cannot be reached: ${error.code}`)),
    );
    sent.end(body);
  });
}

function check({ statusCode = 0, headers }: IncomingMessage, name: string): void {
  if (statusCode >= 200 && statusCode < 300) return;
  const code = headers["x-ms-error-code"];
  throw refused(`answers ${statusCode}${typeof code === "string" ? ` ${code}` : ""} for ${name}`);
}

function refused(what: string): HubError {
  return new HubError("BlobContainerValidationError", `The container's storage ${what}`);
}
