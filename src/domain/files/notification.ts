import type { JsonObject } from "../json.ts";
import { type Milliseconds, timeText } from "../time.ts";

/** An upload that has succeeded. */
export interface UploadedFile {
  readonly deviceId: string;
  readonly blobUri: string;
  readonly blobName: string;
  readonly lastModified: Milliseconds;
  /** Bytes. */
  readonly size: number;
}

/** What services read when a device has uploaded a file (spec/amqp §12.3). */
export function fileNotificationView(file: UploadedFile, now: Milliseconds): JsonObject {
  return {
    deviceId: file.deviceId,
    blobUri: file.blobUri,
    blobName: file.blobName,
    lastUpdatedTime: `${new Date(file.lastModified).toISOString().slice(0, 19)}+00:00`,
    blobSizeInBytes: file.size,
    enqueuedTimeUtc: timeText(now),
  };
}
