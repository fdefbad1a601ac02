/**
 * What the blob endpoint refuses, with Azure Storage's own names and statuses. `InsufficientStorage` is ours: the
 * cloud has no full disk. Clients repeat what is answered 500 or 503, so none of these is.
 */
export const blobErrors = {
  AuthenticationFailed: [403, "The request is not authenticated by its signature"],
  AuthorizationPermissionMismatch: [403, "The signature does not permit this operation"],
  BlobNotFound: [404, "The specified blob does not exist."],
  ContainerNotFound: [404, "The specified container does not exist."],
  ContainerAlreadyExists: [409, "The specified container already exists."],
  BlobAlreadyExists: [409, "The specified blob already exists."],
  BlockCountExceedsLimit: [409, "The blob has as many blocks as it may have."],
  BlockListTooLong: [400, "The block list has more entries than a blob may have blocks."],
  ConditionNotMet: [412, "The condition of the request's headers is not met."],
  InsufficientStorage: [507, "The hub has no room for this content."],
  InvalidBlobType: [409, "The blob type is invalid for this operation: only BlockBlob is known."],
  InvalidBlockId: [400, "A block id is Base64 of 1 to 64 bytes."],
  InvalidBlockList: [400, "The specified block list is invalid."],
  InvalidHeaderValue: [400, "The value of a header is not in the correct format."],
  InvalidMd5: [400, "Content-MD5 is not the Base64 of 16 bytes."],
  InvalidQueryParameterValue: [400, "Value for one of the query parameters is invalid."],
  InvalidRange: [416, "The range specified is invalid for the current size of the blob."],
  InvalidXmlDocument: [400, "The block list is not a valid XML document."],
  Md5Mismatch: [400, "The MD5 value specified in the request did not match with the content."],
  MetadataTooLarge: [400, "The metadata of the blob are larger than 8 KiB."],
  MissingContentLengthHeader: [411, "The request needs a Content-Length header."],
  MissingRequiredHeader: [400, "The request needs the header x-ms-blob-type."],
  NoAuthenticationInformation: [401, "The request has neither a signature nor a token."],
  RequestBodyTooLarge: [413, "The request body is too large and exceeds the permissible limit."],
  UnsupportedHttpVerb: [405, "The resource does not support the method."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type BlobErrorCode = keyof typeof blobErrors;

/** A refusal of the blob endpoint. It never holds a signature. */
export class BlobError extends Error {
  override readonly name: BlobErrorCode;

  constructor(name: BlobErrorCode, message: string = blobErrors[name][1]) {
    super(message);
    this.name = name;
  }

  /** The HTTP status. */
  get status(): number {
    return blobErrors[this.name][0];
  }
}
