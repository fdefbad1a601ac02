import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { BlobPrecondition } from "../../../app/ports.ts";
import { BlobError } from "../../../domain/files/blob-error.ts";
import type { BlobDescription, BlobProperties, ByteRange } from "../../../domain/files/blob.ts";
import { maxMetadataBytes } from "../../../domain/files/limits.ts";

const metadataPrefix = "x-ms-meta-";

/** What the headers of Put Blob and Put Block List say of the content; `contentType` stands for a missing one. */
export function readDescription(
  headers: IncomingHttpHeaders,
  contentType = "application/octet-stream",
): BlobDescription {
  const value = (name: string): string | undefined => textOf(headers[`x-ms-blob-${name}`]);
  return {
    contentType: value("content-type") ?? contentType,
    contentEncoding: value("content-encoding"),
    contentLanguage: value("content-language"),
    contentDisposition: value("content-disposition"),
    cacheControl: value("cache-control"),
    contentMd5: readMd5(value("content-md5")),
    metadata: readMetadata(headers),
  };
}

function readMetadata(headers: IncomingHttpHeaders): Record<string, string> {
  const pairs = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    name.startsWith(metadataPrefix)
      ? [[name.slice(metadataPrefix.length), textOf(value) ?? ""]]
      : [],
  );
  const size = pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (size > maxMetadataBytes) throw new BlobError("MetadataTooLarge");
  return Object.fromEntries(pairs);
}

/** HTTP's own Content-Type, which the head has taken out of the headers. */
export function contentTypeOf({ rawHeaders }: IncomingMessage): string | undefined {
  const at = rawHeaders.findIndex(
    (text, i) => i % 2 === 0 && text.toLowerCase() === "content-type",
  );
  return at < 0 ? undefined : rawHeaders[at + 1] || undefined;
}

/** Base64 of 16 bytes, or nothing. */
export function readMd5(text: string | undefined): string | undefined {
  if (text === undefined || /^[A-Za-z0-9+/]{22}==$/.test(text)) return text;
  throw new BlobError("InvalidMd5");
}

/** Bytes of the body; clients of Azure Storage always say. */
export function readLength({ "content-length": length }: IncomingHttpHeaders): number {
  if (length === undefined) throw new BlobError("MissingContentLengthHeader");
  return Number(length);
}

/** What `If-Match` and `If-None-Match` demand of the blob that is there, before it is replaced. */
export function readPrecondition(headers: IncomingHttpHeaders): BlobPrecondition {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  return (stored) => {
    if (match !== undefined && !matches(match, stored)) throw new BlobError("ConditionNotMet");
    if (noneMatch === undefined || !matches(noneMatch, stored)) return;
    throw new BlobError(noneMatch.trim() === "*" ? "BlobAlreadyExists" : "ConditionNotMet");
  };
}

/** True for `*` and for the blob's etag, with or without quotes. */
export function matches(condition: string, stored: BlobProperties | null): boolean {
  if (stored === null) return false;
  return condition
    .split(",")
    .map((one) => one.trim().replace(/^"(.*)"$/, "$1"))
    .some((one) => one === "*" || one === stored.etag);
}

/** `bytes=0-9`, `bytes=5-`, cut to the blob's size; undefined for none. More than one range is none. */
export function readRange(headers: IncomingHttpHeaders, size: number): ByteRange | undefined {
  const text = textOf(headers["x-ms-range"]) ?? headers.range;
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(text ?? "") ?? [];
  if (first === undefined) return undefined;
  const start = Number(first);
  const end = Math.min(size - 1, last === undefined ? size - 1 : Number(last));
  if (start > end) throw new BlobError("InvalidRange");
  return { start, end };
}

/** Headers that tell what a blob is: of Get Blob and Get Blob Properties. */
export function* propertyHeaders({
  etag,
  created,
  lastModified,
  description,
}: BlobProperties): Generator<readonly [name: string, value: string]> {
  const named: readonly (readonly [string, string | undefined])[] = [
    ["content-type", description.contentType],
    ["content-encoding", description.contentEncoding],
    ["content-language", description.contentLanguage],
    ["content-disposition", description.contentDisposition],
    ["cache-control", description.cacheControl],
    ["etag", `"${etag}"`],
    ["last-modified", new Date(lastModified).toUTCString()],
    ["x-ms-creation-time", new Date(created).toUTCString()],
    ["x-ms-blob-type", "BlockBlob"],
    ["x-ms-lease-status", "unlocked"],
    ["x-ms-lease-state", "available"],
    ["x-ms-server-encrypted", "false"],
    ["accept-ranges", "bytes"],
    // What devices send is nobody's page: it must not run under the name of the hub.
    ["x-content-type-options", "nosniff"],
    ["content-security-policy", "sandbox; default-src 'none'"],
  ];
  for (const [name, value] of named) if (value !== undefined) yield [name, value];
  for (const [name, value] of Object.entries(description.metadata))
    yield [`${metadataPrefix}${name}`, value];
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value === "" ? undefined : value;
}
