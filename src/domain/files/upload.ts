import { HubError } from "../errors.ts";
import type { Milliseconds } from "../time.ts";
import { maxOpenUploads, uploadLifetime } from "./limits.ts";

/** An upload that a device has begun and not yet reported as done. */
export interface Upload {
  readonly correlationId: string;
  /** `{deviceId}/{name}`. */
  readonly blobName: string;
  readonly expires: Milliseconds;
  /** Its place in the queue of uploads that will expire. */
  readonly sequence: number;
}

/** How an upload ended, as the device says (spec/rest §9.4). */
export interface UploadReport {
  readonly correlationId: string;
  readonly isSuccess: boolean;
}

/**
 * A correlation id in the manner of IoT Hub: Base64 of the time and something unique. It tells by itself when it
 * expired, and has no character that a URL would have to escape.
 */
export function newCorrelationId(now: Milliseconds, uuid: string): string {
  const time = new Date(now).toISOString().replaceAll(/\D/g, "").slice(0, 14);
  return Buffer.from(`${time}_${uuid}`).toString("base64");
}

/** Those that have not expired. */
export function stillOpen(uploads: readonly Upload[], now: Milliseconds): readonly Upload[] {
  return uploads.filter((upload) => upload.expires > now);
}

/** Refuses an eleventh open upload of a device with 403006. */
export function checkRoom(open: readonly Upload[]): void {
  if (open.length < maxOpenUploads) return;
  throw new HubError(
    "DeviceMaximumActiveFileUploadLimitExceeded",
    `Number of active file upload requests cannot exceed ${maxOpenUploads}`,
  );
}

/** The open upload of that correlation id; 400016 if it has expired, 400015 if the id means nothing here. */
export function findUpload(
  uploads: readonly Upload[],
  correlationId: string,
  now: Milliseconds,
): Upload {
  const found = uploads.find((upload) => upload.correlationId === correlationId);
  if (found !== undefined && found.expires > now) return found;
  if (found !== undefined || begunBefore(correlationId, now - uploadLifetime)) {
    throw new HubError(
      "ExpiredFileUploadCorrelationId",
      `The upload of that correlationId has expired: a device has ${uploadLifetime / 60_000} minutes for it`,
    );
  }
  throw new HubError(
    "InvalidFileUploadCorrelationId",
    "The device has no open upload with that correlationId",
  );
}

function begunBefore(correlationId: string, time: Milliseconds): boolean {
  const text = Buffer.from(correlationId.slice(0, 200), "base64").toString("latin1");
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)_[0-9a-f-]{36}$/.exec(text);
  if (parts === null) return false;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) <= time;
}

/** Refuses with 400019 a report that does not say whether the upload succeeded. */
export function readIsSuccess(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new HubError("InvalidFileUploadCompletionStatus", "isSuccess must be true or false");
}
