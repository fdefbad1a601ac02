import { createHash } from "node:crypto";
import { BlobError } from "../../domain/files/blob-error.ts";
import { type BlobRight, type BlobSignature, verifyBlobSas } from "../../domain/files/blob-sas.ts";
import type {
  BlobDescription,
  BlobProperties,
  BlockReference,
  ByteRange,
} from "../../domain/files/blob.ts";
import { isRegistryFile } from "../../domain/transfers/transfer.ts";
import { maxBlobNameLength } from "../../domain/files/limits.ts";
import type { HubContext } from "../context.ts";
import type { BlobContent, BlobPrecondition, BlobStore } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { ownAccount, ownContainer } from "./own-storage.ts";

/** Who asks for a blob: whoever has a signature for it, or a policy with ServiceConnect. */
export type BlobCaller =
  | { readonly kind: "signature"; readonly signature: BlobSignature }
  | { readonly kind: "principal"; readonly principal: Principal };

/** Content as it comes in: how long its sender says it is, and its MD5 in Base64 if the sender gave one. */
export interface IncomingContent {
  readonly length: number;
  readonly bytes: BlobContent;
  readonly md5?: string | undefined;
}

/** One blob of the hub's own storage in the hands of a caller that was proven for it. */
export interface OpenBlob {
  readonly name: string;
  put(
    content: IncomingContent,
    description: BlobDescription,
    precondition: BlobPrecondition,
  ): Promise<StoredBlob>;
  /** `id` as it came, Base64. Resolves with the MD5 of the block, Base64. */
  putBlock(id: string, content: IncomingContent): Promise<string>;
  commit(
    blocks: readonly BlockReference[],
    description: BlobDescription,
    precondition: BlobPrecondition,
  ): Promise<BlobProperties>;
  /** Refuses with BlobNotFound, as `read` and `delete` do. */
  properties(): Promise<BlobProperties>;
  read(range?: ByteRange): Promise<BlobContent>;
  delete(): Promise<void>;
}

export interface StoredBlob {
  readonly properties: BlobProperties;
  /** Of the content as it came, Base64. */
  readonly md5: string;
}

/**
 * Proves a caller for a blob. `names` are the readings of the request's path, since an id may itself look encoded: the
 * one that was signed counts; for a policy the first. Refuses with AuthenticationFailed, and each operation with
 * AuthorizationPermissionMismatch if the signature does not permit it.
 */
export function openBlob(
  context: HubContext,
  caller: BlobCaller,
  names: readonly string[],
): OpenBlob {
  const { blobs } = context.files;
  if (blobs === null) throw new BlobError("ContainerNotFound");
  const known = names.filter((name) => name.length <= maxBlobNameLength);
  const opened = prove(context, caller, known);
  if (opened === null) throw new BlobError("AuthenticationFailed");
  const { name, rights } = opened;
  const need = (right: BlobRight): void => {
    if (!rights.includes(right)) throw new BlobError("AuthorizationPermissionMismatch");
  };
  return operations(blobs, name, need);
}

function prove(
  { clock, files }: HubContext,
  caller: BlobCaller,
  names: readonly string[],
): { readonly name: string; readonly rights: string } | null {
  switch (caller.kind) {
    case "principal": {
      const [name] = names;
      // Keys of identities may be in it.
      const isRegistry = name !== undefined && isRegistryFile(name);
      demand(caller.principal, isRegistry ? "RegistryWrite" : "ServiceConnect");
      return name === undefined ? null : { name, rights: "rwd" };
    }
    case "signature": {
      const { signature } = caller;
      const resource = { account: ownAccount, container: ownContainer };
      const signed = names.filter((blob) =>
        verifyBlobSas({ ...resource, blob }, signature, clock.now(), files.signingKey),
      );
      return signed[0] === undefined ? null : { name: signed[0], rights: signature.sp };
    }
  }
}

function operations(blobs: BlobStore, name: string, need: (right: BlobRight) => void): OpenBlob {
  const { limits } = blobs;
  return {
    name,
    async put(content, description, precondition) {
      need("w");
      const checked = new CheckedContent(content, limits.singleBlobBytes);
      const describe = (): BlobDescription => ({
        ...description,
        contentMd5: description.contentMd5 ?? checked.md5,
      });
      const properties = await blobs.putBlob(name, checked.read(), describe, precondition);
      return { properties, md5: checked.md5 };
    },
    async putBlock(id, content) {
      need("w");
      const checked = new CheckedContent(content, limits.blockBytes);
      if (content.length === 0)
        throw new BlobError("InvalidHeaderValue", "A block must not be empty.");
      await blobs.putBlock(name, blockIdBytes(id), checked.read());
      return checked.md5;
    },
    async commit(blocks, description, precondition) {
      need("w");
      if (blocks.length > limits.blocks) throw new BlobError("BlockListTooLong");
      for (const { id } of blocks) blockIdBytes(id);
      return blobs.commit(name, blocks, description, precondition);
    },
    async properties() {
      need("r");
      return found(await blobs.properties(name));
    },
    async read(range) {
      need("r");
      return found(await blobs.read(name, range)).content;
    },
    async delete() {
      need("d");
      if (!(await blobs.delete(name))) throw new BlobError("BlobNotFound");
    },
  };
}

function found<T>(value: T | null): T {
  if (value === null) throw new BlobError("BlobNotFound");
  return value;
}

/** The bytes of a block id. */
export function blockIdBytes(id: string): Uint8Array {
  const bytes = Buffer.from(id, "base64");
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(id) && bytes.length >= 1 && bytes.length <= 64) return bytes;
  throw new BlobError("InvalidBlockId");
}

/** Content that turns out to be as long as was said, and to have the MD5 that was said; else reading it fails. */
class CheckedContent {
  readonly #content: IncomingContent;
  readonly #hash = createHash("md5");
  #md5: string | undefined;

  constructor(content: IncomingContent, limit: number) {
    if (content.length > limit) throw new BlobError("RequestBodyTooLarge");
    this.#content = content;
  }

  /** Base64; only when all has been read. */
  get md5(): string {
    return (this.#md5 ??= this.#hash.digest("base64"));
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const { bytes, length, md5 } = this.#content;
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > length) break;
      this.#hash.update(chunk);
      yield chunk;
    }
    if (size !== length)
      throw new BlobError("InvalidHeaderValue", "The body is not as long as Content-Length says.");
    if (md5 !== undefined && md5 !== this.md5) throw new BlobError("Md5Mismatch");
  }
}
