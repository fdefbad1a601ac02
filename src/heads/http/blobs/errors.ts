import { BlobError } from "../../../domain/files/blob-error.ts";
import { statuses, toHubError } from "../errors.ts";

/** A refusal as Azure Storage words it: `code` stands in the body and in `x-ms-error-code`. */
export interface BlobRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Nobody's refusal: a bug, to be logged. */
  readonly isBug: boolean;
}

/** Whatever was thrown, in Azure Storage's names. */
export function refusalOf(thrown: unknown): BlobRefusal {
  if (thrown instanceof BlobError) {
    const { status, name, message } = thrown;
    return { status, code: name, message, isBug: false };
  }
  const error = toHubError(thrown);
  const status = statuses[error.name];
  return { status, code: codeOf(status), message: error.message, isBug: status === 500 };
}

function codeOf(status: number): string {
  switch (status) {
    case 401:
      return "NoAuthenticationInformation";
    case 403:
      return "AuthenticationFailed";
    case 413:
      return "RequestBodyTooLarge";
    case 503:
      return "ServerBusy";
    default:
      return status < 500 ? "InvalidInput" : "InternalError";
  }
}

/** The body of a refusal: XML, as all clients of Azure Storage expect it. */
export function errorXml(refusal: BlobRefusal, requestId: string, now: number): string {
  const time = new Date(now).toISOString();
  const message = `${refusal.message}\nRequestId:${requestId}\nTime:${time}`;
  return `<?xml version="1.0" encoding="utf-8"?><Error><Code>${escape(refusal.code)}</Code><Message>${escape(message)}</Message></Error>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
