import type { Milliseconds } from "../time.ts";

/** What the sender says about a blob's content; kept as it came and given back with it. */
export interface BlobDescription {
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** Base64. */
  readonly contentMd5?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BlobProperties {
  /** Bytes. */
  readonly size: number;
  /** Without quotes; another one for every content. */
  readonly etag: string;
  readonly created: Milliseconds;
  readonly lastModified: Milliseconds;
  readonly description: BlobDescription;
}

/** A blob as a listing shows it. */
export interface NamedBlob {
  readonly name: string;
  readonly properties: BlobProperties;
}

/** A block in a list: where it is looked for, and its id as it came, Base64. */
export interface BlockReference {
  readonly from: "committed" | "uncommitted" | "latest";
  readonly id: string;
}

/** Bytes from `start` on, `end` included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
