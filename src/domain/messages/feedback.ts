import type { JsonObject } from "../json.ts";
import { type Milliseconds, timeText } from "../time.ts";
import type { FeedbackCode } from "./c2d-queue.ts";

/** A batch of feedback leaves at this many records … */
export const maxFeedbackRecords = 64;
/** … or when its oldest record is this old, in milliseconds (spec/semantics §9.1). */
export const feedbackBatchTime: Milliseconds = 15_000;

export interface FeedbackRecord {
  readonly originalMessageId: string;
  readonly statusCode: FeedbackCode;
  readonly deviceId: string;
  readonly deviceGenerationId: string;
  readonly at: Milliseconds;
}

/** A record as services read it. */
export function feedbackView(record: FeedbackRecord): JsonObject {
  const time = timeText(record.at);
  return {
    originalMessageId: record.originalMessageId,
    description: record.statusCode,
    deviceGenerationId: record.deviceGenerationId,
    deviceId: record.deviceId,
    enqueuedTimeUtc: time,
    statusCode: record.statusCode,
  };
}

/** True if a batch is due, given how many records wait and since when. */
export function batchIsDue(waiting: number, oldest: Milliseconds, now: Milliseconds): boolean {
  return waiting >= maxFeedbackRecords || (waiting > 0 && now - oldest >= feedbackBatchTime);
}
