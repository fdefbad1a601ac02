import type { Milliseconds } from "../time.ts";

/** Uploads that a device may have open at a time (spec/semantics §14, §15.2). */
export const maxOpenUploads = 10;

/** How long a device has for one upload, and how long its shared access signature is good (spec/semantics §14). */
export const uploadLifetime: Milliseconds = 3_600_000;

/** Of a blob's whole name, device id included, in UTF-16 units: Azure Storage's own limit. */
export const maxBlobNameLength = 1024;

/** Segments of a blob's name: Azure Storage's own limit. */
export const maxNameSegments = 254;

/** What one blob may hold. Sizes are bytes. */
export interface BlobLimits {
  /** A block; Azure Storage's limit for the versions that SDKs of devices use. */
  readonly blockBytes: number;
  /** A blob that is sent in one request. */
  readonly singleBlobBytes: number;
  /** A blob of blocks, and the blocks that wait for their list. */
  readonly blobBytes: number;
  /** Blocks of a blob, and blocks that wait for their list; Azure Storage's own limit for the first. */
  readonly blocks: number;
}

const mebibyte = 2 ** 20;

export const defaultBlobLimits: BlobLimits = {
  blockBytes: 100 * mebibyte,
  singleBlobBytes: 256 * mebibyte,
  blobBytes: 16 * 1024 * mebibyte,
  blocks: 50_000,
};

/** Headers `x-ms-meta-…` of a blob, names and values together, in bytes: Azure Storage's own limit. */
export const maxMetadataBytes = 8192;
